"""Transforms and curves of FBX against closed forms and scipy's splines."""

import numpy as np
import pytest
import torch
from scipy.interpolate import BPoly, CubicHermiteSpline

from avatar_kit.errors import UserError
from avatar_kit.io.fbx import read_fbx
from avatar_kit.io.motion.fbx_curves import read_curve
from avatar_kit.io.motion.fbx_transforms import local_transform, world_transforms
from tests.io import fbx_writers as fbx

NAMES = ("Lcl Translation", "RotationOffset", "RotationPivot", "ScalingOffset", "ScalingPivot")
VALUES = dict(zip(NAMES, np.random.default_rng(1).normal(size=(5, 3)), strict=True))
PRE, POST, TURN, SCALE = (30, -50, 70), (10, 20, -130), (-20, 65, 110), (1.1, 0.7, 1.4)
ORDERS = ("XYZ", "XZY", "YZX", "YXZ", "ZXY", "ZYX")


def scene(tmp_path, *objects, links=(), **kept):
    (tmp_path / "a.fbx").write_bytes(fbx.binary(fbx.document(objects, links, **kept)))
    return read_fbx(tmp_path / "a.fbx")


def about(axis, degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    i = "XYZ".index(axis)
    found = np.eye(4)
    found[np.ix_([(i + 1) % 3, (i + 2) % 3], [(i + 1) % 3, (i + 2) % 3])] = [[c, -s], [s, c]]
    return found


def turned(order, angles):
    """The first axis of the order turns first."""
    found = np.eye(4)
    for axis in order:
        found = about(axis, angles["XYZ".index(axis)]) @ found
    return found


def moved(vector):
    found = np.eye(4)
    found[:3, 3] = vector
    return found


def whole(order, active):
    """T Roff Rp Rpre R Rpost^-1 Rp^-1 Soff Sp S Sp^-1, one matrix after another."""
    at = {name: moved(value) for name, value in VALUES.items()}
    inverse = np.linalg.inv
    turn = turned(order, TURN)
    if active:
        turn = turned("XYZ", PRE) @ turn @ inverse(turned("XYZ", POST))
    return (
        at["Lcl Translation"] @ at["RotationOffset"] @ at["RotationPivot"] @ turn
        @ inverse(at["RotationPivot"]) @ at["ScalingOffset"] @ at["ScalingPivot"]
        @ np.diag([*SCALE, 1]) @ inverse(at["ScalingPivot"])
    )  # fmt: skip


def rich(order, active):
    return fbx.model(
        1, "joint", "LimbNode", *(fbx.p(name, *v.tolist()) for name, v in VALUES.items()),
        fbx.p("PreRotation", *map(float, PRE)), fbx.p("PostRotation", *map(float, POST)),
        fbx.p("Lcl Rotation", *map(float, TURN)), fbx.p("Lcl Scaling", *SCALE),
        fbx.p("RotationOrder", order, kind="enum"), fbx.p("RotationActive", active, kind="bool"),
    )  # fmt: skip


@pytest.mark.parametrize("number", range(6))
def test_the_formula_for_every_order_of_axes(number, tmp_path):
    file = scene(tmp_path, rich(number, True))
    found = local_transform(file, file.objects[1], {})
    np.testing.assert_allclose(found.matrix[0], whole(ORDERS[number], True), atol=1e-12)


def test_an_inactive_rotation_has_neither_order_nor_pre_and_post_rotation(tmp_path):
    file = scene(tmp_path, rich(4, False))
    found = local_transform(file, file.objects[1], {})
    np.testing.assert_allclose(found.matrix[0], whole("XYZ", False), atol=1e-12)


def test_animated_values_replace_those_of_the_rest_pose(tmp_path):
    file = scene(tmp_path, fbx.model(1, "joint", "LimbNode", fbx.p("Lcl Rotation", 9.0, 9.0, 9.0)))
    angles = np.array([[0, 0, 0], [20, 30, 40.0]])
    found = local_transform(file, file.objects[1], {"Lcl Rotation": angles})
    np.testing.assert_allclose(found.matrix[1], turned("XYZ", angles[1]), atol=1e-12)


def test_a_spheric_order_is_refused(tmp_path):
    file = scene(tmp_path, rich(6, True))
    with pytest.raises(UserError, match=r"a\.fbx: Model 'joint': RotationOrder 6 .* 0 to 5"):
        local_transform(file, file.objects[1], {})


def test_defaults_come_from_the_template(tmp_path):
    template = (
        "PropertyTemplate",
        ["FbxNode"],
        [fbx.properties(fbx.p("Lcl Scaling", 2.0, 3.0, 4.0))],
    )
    file = scene(tmp_path, fbx.model(1, "joint", "LimbNode"),
                 templates=[("ObjectType", ["Model"], [template])])  # fmt: skip
    found = local_transform(file, file.objects[1], {})
    np.testing.assert_allclose(found.matrix[0], np.diag([2, 3, 4, 1]), atol=0)


@pytest.mark.parametrize("inherit", [0, 1, 2])
def test_how_the_scale_of_a_parent_acts(inherit, tmp_path):
    """RrSs: G = R r S s; RSrs: G = R S r s; Rrs: G = R r s below a parent that has no parent."""
    scale = fbx.p("Lcl Scaling", 2.0, 3.0, 4.0)
    own = (fbx.p("Lcl Rotation", 20.0, 0.0, 35.0), fbx.p("Lcl Translation", 1.0, 2.0, 3.0))
    file = scene(
        tmp_path,
        fbx.model(1, "above", "LimbNode", scale, fbx.p("Lcl Rotation", 0.0, 50.0, 0.0)),
        fbx.model(2, "below", "LimbNode", *own, fbx.p("Lcl Scaling", 1.0, 5.0, 1.0),
                  fbx.p("InheritType", inherit, kind="enum")),
    )  # fmt: skip
    locals_ = {i: local_transform(file, file.objects[i + 1], {}) for i in (0, 1)}
    world = world_transforms(locals_, [0, 1], [-1, 0])[1][0].numpy()
    above, below = turned("XYZ", (0, 50, 0))[:3, :3], turned("XYZ", (20, 0, 35))[:3, :3]
    large, small = np.diag([2.0, 3, 4]), np.diag([1.0, 5, 1])
    wanted = (above @ below @ large @ small, above @ large @ below @ small, above @ below @ small)
    np.testing.assert_allclose(world[:3, :3], wanted[inherit], atol=1e-12)
    np.testing.assert_allclose(world[:3, 3], above @ large @ (1, 2, 3), atol=1e-12)


TIMES, KEYS = np.array([0.0, 0.5, 1.5, 2.0]), np.array([1.0, -2.0, 3.0, 0.5])
AT = np.linspace(-0.3, 2.4, 83)
INSIDE = AT.clip(0, 2)


def sampled(tmp_path, flags, data=(0.0, 0.0, 0.0, 0.0)):
    file = scene(tmp_path, fbx.curve(1, TIMES, KEYS, flags, data))
    return read_curve(file, file.objects[1]).at(np.round(AT * fbx.SECOND).astype(np.int64))


def test_linear(tmp_path):
    np.testing.assert_allclose(sampled(tmp_path, 0x4), np.interp(AT, TIMES, KEYS), atol=1e-6)


@pytest.mark.parametrize(("flags", "offset"), [(0x2, 0), (0x102, 1)])
def test_constant_is_that_of_this_or_the_next_key(flags, offset, tmp_path):
    key = (np.searchsorted(TIMES, AT, side="right") - 1).clip(0, 3)
    wanted = np.where(AT < 0, KEYS[0 + offset], KEYS[(key + offset).clip(0, 3)])
    np.testing.assert_allclose(sampled(tmp_path, flags), wanted, atol=1e-6)


def hermite(out, into):
    """Cubic segments with slopes at their starts and ends."""
    found = np.zeros(len(AT))
    for i in range(3):
        inside = (TIMES[i] <= INSIDE) & (TIMES[i + 1] >= INSIDE)
        spline = CubicHermiteSpline(TIMES[i : i + 2], KEYS[i : i + 2], [out[i], into[i]])
        found[inside] = spline(INSIDE[inside])
    return found


def test_cubic_with_slopes_of_the_file(tmp_path):
    data = [[3, -1, 0, 0], [0.5, 4, 0, 0], [-2, 7, 0, 0], [0, 0, 0, 0]]
    found = sampled(tmp_path, [0x408] * 4, data)
    np.testing.assert_allclose(found, hermite([3, 0.5, -2], [-1, 4, 7]), atol=1e-5)


def test_slopes_of_ascii_files_are_the_bits_of_floats(tmp_path):
    """-1073741824 is 0xc0000000, the float -2; 1056964608 is 0x3f000000, the float 0.5."""
    nodes = fbx.document([fbx.curve(1, TIMES, KEYS, 0x408)], [])
    nodes[3][2][0][2][5][1][0] = np.array([-1073741824, 1056964608, 218434821, 0])
    (tmp_path / "a.fbx").write_bytes(fbx.ascii_file(nodes))
    file = read_fbx(tmp_path / "a.fbx")
    found = read_curve(file, file.objects[1]).at(np.round(AT * fbx.SECOND).astype(np.int64))
    np.testing.assert_allclose(found, hermite([-2] * 3, [0.5] * 3), atol=1e-5)


def test_automatic_slopes_are_those_between_the_neighbours(tmp_path):
    slopes = [0, (3 - 1) / 1.5, (0.5 + 2) / 1.5, 0]
    np.testing.assert_allclose(sampled(tmp_path, 0x108), hermite(slopes[:3], slopes[1:]), atol=1e-5)


def test_automatic_slopes_are_flat_at_an_extremum_if_clamped(tmp_path):
    np.testing.assert_allclose(sampled(tmp_path, 0x1108), hermite([0] * 3, [0] * 3), atol=1e-5)


def test_tcb_of_zeros_are_the_means_of_the_neighbours_slopes(tmp_path):
    steps = np.diff(KEYS) / np.diff(TIMES)
    slopes = [0, steps[:2].mean(), steps[1:].mean(), 0]
    np.testing.assert_allclose(sampled(tmp_path, 0x208), hermite(slopes[:3], slopes[1:]), atol=1e-5)


def test_tcb_of_full_tension_is_flat(tmp_path):
    found = sampled(tmp_path, 0x208, (1.0, 0.3, 0.2, 0.0))
    np.testing.assert_allclose(found, hermite([0] * 3, [0] * 3), atol=1e-5)


@pytest.mark.parametrize("text", [False, True])
def test_weighted_tangents_are_bezier_curves(text, tmp_path):
    """Points of scipy's Bezier curve (time, value): the value at its time is its value."""
    right, left = 0.7, 0.2
    packed = int(right * 9999) | int(left * 9999) << 16
    bits = float(packed) if text else float(np.array(packed, "<u4").view("<f4"))
    nodes = fbx.document([fbx.curve(1, [0, 2], [1, 5], [0x3000408] * 2, [[3, -4, 0, 0]] * 2)], [])
    data = nodes[3][2][0][2][5][1]
    data[0] = np.array([3, -4, bits, 0] * 2, "<f8" if text else "<f4")
    content = fbx.ascii_file(nodes) if text else fbx.binary(nodes)
    (tmp_path / "a.fbx").write_bytes(content)
    file = read_fbx(tmp_path / "a.fbx")
    controls = [[0, 1], [2 * right, 1 + 2 * right * 3], [2 - 2 * left, 5 + 2 * left * 4], [2, 5]]
    points = BPoly(np.array(controls, float)[:, None], [0, 1])(np.linspace(0, 1, 50))
    ticks = np.round(points[:, 0] * fbx.SECOND).astype(np.int64)
    np.testing.assert_allclose(read_curve(file, file.objects[1]).at(ticks), points[:, 1], atol=2e-3)


def test_a_curve_without_attributes_is_linear_and_one_without_keys_is_none(tmp_path):
    plain = fbx.curve(1, TIMES, KEYS)
    file = scene(tmp_path, (*plain[:2], plain[2][:4]), fbx.curve(2, [], []))
    found = read_curve(file, file.objects[1]).at(np.round(AT * fbx.SECOND).astype(np.int64))
    np.testing.assert_allclose(found, np.interp(AT, TIMES, KEYS), atol=1e-6)
    assert read_curve(file, file.objects[2]) is None


def test_rotations_between_keys_are_interpolated_as_angles(tmp_path):
    """Half of 340 degrees is 170 degrees, not -10: curves are of Euler angles."""
    file = scene(tmp_path, fbx.model(1, "joint", "LimbNode"), fbx.curve(2, [0, 1], [0, 340]))
    z = read_curve(file, file.objects[2]).at(np.array([fbx.SECOND // 2]))
    moved_by = {"Lcl Rotation": np.stack([0 * z, 0 * z, z], 1)}
    found = local_transform(file, file.objects[1], moved_by).matrix[0]
    torch.testing.assert_close(found, torch.from_numpy(about("Z", 170.0)))
