"""What no person does is refused with its cause and the option that mends it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from avatar_kit.errors import UserError
from avatar_kit.io.motion import MotionOptions, read_file, save_motion
from tests.conftest import shared_file
from tests.io import motion_writers as files

WALK = files.walking()

#: Every example writes over the file of the one before.
ANY_FOLDER = [HealthCheck.function_scoped_fixture]


def smpl(path, motion, **changes):
    """SMPL's parameters without betas: places are those of the pelvis."""
    arrays = {
        "global_orient": motion.global_orient.numpy(), "body_pose": motion.body_pose.numpy(),
        "transl": motion.transl.numpy(), "fps": motion.fps,
    }  # fmt: skip
    np.savez(path, **{**arrays, **changes})
    return path


def in_axes(motion, turn):
    orient, place = files.turned(motion, turn)
    return replace(
        motion, global_orient=torch.tensor(orient).float(), transl=torch.tensor(place).float()
    )


def refused(path, says, **options):
    with pytest.raises(UserError, match=says) as error:
        read_file(path, options=MotionOptions(**options))
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)


TURNS = {
    "x": Rotation.from_rotvec([0, 0, -np.pi / 2]),
    "-x": Rotation.from_rotvec([0, 0, np.pi / 2]),
    "-z": Rotation.from_rotvec([-np.pi / 2, 0, 0]),
    "z": Rotation.from_rotvec([np.pi / 2, 0, 0]),
    "-y": Rotation.from_rotvec([np.pi, 0, 0]),
}


@pytest.mark.parametrize("axis", list(TURNS))
def test_every_axis_that_is_said_brings_the_person_upright(axis, tmp_path):
    path = smpl(tmp_path / "a.npz", in_axes(WALK, TURNS[axis]))
    found = read_file(path, options=MotionOptions(up=axis))
    assert found.up == axis
    np.testing.assert_allclose(files.joints(found.motion), files.joints(WALK), atol=1e-5)


def placed_anywhere(seed, heading, x, z):
    """Somebody who walks, or stands, or bends, at any place of the floor."""
    walk = files.walking(24, fps=12.0, seed=seed)
    turned = in_axes(walk, Rotation.from_rotvec([0, heading, 0]))
    return replace(turned, transl=turned.transl + torch.tensor([x, 0.0, z]))


METRES = st.floats(-4, 4)


@settings(max_examples=60, deadline=None, suppress_health_check=ANY_FOLDER)
@given(
    axis=st.sampled_from(["y", *TURNS]), seed=st.integers(0, 20), heading=st.floats(-np.pi, np.pi),
    x=METRES, z=METRES, unit=st.sampled_from([1.0, 100.0]), placed=st.booleans(),
)  # fmt: skip
def test_the_axis_that_people_stand_along_is_found(
    axis, seed, heading, x, z, unit, placed, tmp_path
):
    """Legs and head tell: whatever the axis, its sign, the place, the heading and the unit."""
    walk = placed_anywhere(seed, heading, x, z)
    walk = walk if placed else replace(walk, transl=0 * walk.transl)
    turned = walk if axis == "y" else in_axes(walk, TURNS[axis])
    path = smpl(tmp_path / "a.npz", turned, transl=unit * turned.transl.numpy())
    options = MotionOptions(unit=None if unit == 1 or not placed else "cm")
    found = read_file(path, options=options)
    assert found.up == axis
    np.testing.assert_allclose(files.joints(found.motion), files.joints(walk), atol=1e-4)


@settings(max_examples=40, deadline=None, suppress_health_check=ANY_FOLDER)
@given(
    axis=st.sampled_from(["y", "z"]), heading=st.floats(-np.pi, np.pi), belly=st.booleans(),
    x=METRES, z=METRES,
)  # fmt: skip
def test_who_lies_on_the_floor_is_left_lying(axis, heading, belly, x, z, tmp_path):
    """In the usual axes, away from places where the same numbers are somebody who stands."""
    walk = files.walking(24, fps=12.0)
    down = Rotation.from_rotvec([np.pi / 2 if belly else -np.pi / 2, 0, 0])
    lying = in_axes(replace(walk, transl=0.1 * walk.transl), down)
    lying = in_axes(lying, Rotation.from_rotvec([0, heading, 0]))
    places = torch.zeros(24, 3) + torch.tensor([x, 0.1, z])
    lying = replace(lying, transl=places)
    heights = files.joints(lying)
    if min(abs(heights[..., k]).min() for k in (0, 2)) < 0.4:
        return  # the feet, or the head, are where a floor could be
    turned = lying if axis == "y" else in_axes(lying, TURNS[axis])
    amass = axis == "z"
    path = tmp_path / "a.npz"
    if amass:  # which is what has z up
        poses = files.rows(turned, 72)
        np.savez(path, poses=poses, trans=turned.transl.numpy() - files.PELVIS["smpl"], fps=12.0)
    else:
        smpl(path, turned, fps=12.0)
    found = read_file(path)
    assert found.up == axis and any("lies" in note for note in found.notes)


def test_upside_down_is_refused_unless_it_was_said(tmp_path):
    turn = Rotation.from_rotvec([0, 0, np.pi])
    path = tmp_path / "a.bvh"
    head_first = in_axes(WALK, turn)
    # in camera axes; a table of joints' names fixes y
    from avatar_kit.io.motion.bvh_export import save_bvh

    save_bvh(path, replace(head_first, transl=head_first.transl + torch.tensor([0, 2.0, 0])))
    found = read_file(path)
    assert found.up == "-y"  # people stand along it on average
    said = read_file(path, options=MotionOptions(up="y"))
    up = Rotation.from_rotvec(said.motion.global_orient.numpy()).as_matrix()[:, 1, 1]
    assert up.mean() < -0.9


@pytest.mark.parametrize(("unit", "metres"), [("cm", 0.01), ("mm", 0.001), ("in", 0.0254)])
def test_units_that_are_said(unit, metres, tmp_path):
    path = smpl(tmp_path / "a.npz", WALK, transl=WALK.transl.numpy() / metres)
    found = read_file(path, options=MotionOptions(unit=unit))
    np.testing.assert_allclose(found.motion.transl, WALK.transl, atol=1e-5)


def test_places_in_millimetres_about_the_origin_are_refused_as_too_fast(tmp_path):
    places = 1000 * (WALK.transl.numpy() - [0, 0.9, 0])
    path = smpl(tmp_path / "a.npz", WALK, transl=places)
    refused(path, r"moves at .* m/s, expected below 12: .*--unit cm or --unit mm.*--motion-fps")


def test_a_rate_that_is_wrong_is_named(tmp_path):
    refused(smpl(tmp_path / "a.npz", WALK, fps=480.0), r"m/s, expected below 12: .*--motion-fps")
    found = read_file(tmp_path / "a.npz", options=MotionOptions(rate=30.0))
    assert found.motion.fps == 30


def test_degrees_are_named(tmp_path):
    path = smpl(tmp_path / "a.npz", WALK, body_pose=np.degrees(WALK.body_pose.numpy()))
    refused(path, "in radians, not in degrees")


def test_joints_in_another_order_are_named(tmp_path):
    body = WALK.body_pose.numpy().reshape(-1, 21, 3).copy()
    body[:, 6] = (0, 2.2, 0)  # an ankle turned as no ankle can be
    refused(smpl(tmp_path / "a.npz", WALK, body_pose=body.reshape(-1, 63)),
            r"left_ankle is turned by 126 degrees .*--map")  # fmt: skip


def test_knees_that_bend_forward_are_named(tmp_path):
    body = WALK.body_pose.numpy().reshape(-1, 21, 3).copy()
    body[:, 3:5, 0] = -1.0
    refused(smpl(tmp_path / "a.npz", WALK, body_pose=body.reshape(-1, 63)),
            r"knee is bent forward by 57 degrees .*left and right exchanged")  # fmt: skip


def test_feet_off_the_floor_are_said_then_refused(tmp_path):
    higher = WALK.transl.numpy() + np.array([0, 1.0, 0])
    found = read_file(smpl(tmp_path / "a.npz", WALK, transl=higher))
    assert any("m above the floor" in note and "--unit" in note for note in found.notes)
    higher = higher + np.array([0, 4.0, 0])
    refused(smpl(tmp_path / "b.npz", WALK, transl=higher), r"the feet are .* m above the floor")


def test_one_jump_is_said(tmp_path):
    longer = files.walking(200)
    places = longer.transl.numpy().copy()
    places[120:] += (0, 0, 3)
    found = read_file(smpl(tmp_path / "a.npz", longer, transl=places))
    assert any("jumps by 3 m from frame 119" in note for note in found.notes)


def test_our_own_files_are_said_and_not_refused(tmp_path):
    save_motion(tmp_path / "a.npz", replace(WALK, transl=100 * WALK.transl))
    found = read_file(tmp_path / "a.npz")
    assert any("expected below 12" in note for note in found.notes)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"up": "w"}, "--up w: expected one of auto, y, -y"),
        ({"unit": "ft"}, "--unit ft: expected one of m, cm, mm, in"),
        ({"rate": 1.0}, "--motion-fps 1: expected 5 to 480"),
        ({"rate": float("nan")}, "--motion-fps nan: expected 5 to 480"),
    ],
)
def test_options_that_there_are_not(options, says):
    with pytest.raises(UserError, match=says):
        MotionOptions(**options)


def test_legs_of_a_skeleton_in_a_unit_that_was_said(tmp_path):
    files.bvh(tmp_path / "a.bvh", WALK)
    assert read_file(tmp_path / "a.bvh", options=MotionOptions(unit="cm")).unit == "centimetres"
    refused(tmp_path / "a.bvh", r"with --unit m its legs are 80 m long.*try --unit cm", unit="m")


def test_what_was_found_stands_in_one_line(tmp_path):
    files.amass(tmp_path / "a.npz", WALK)
    line = read_file(tmp_path / "a.npz").line()
    assert line == "a.npz: AMASS (SMPL-X), 40 frames at 30 fps, z up, metres, fingers"


@pytest.mark.parametrize("name", ["bandai_smpl_15fps.npz", "deepmimic_smpl_30fps.npz"])
def test_real_clips_of_people_are_not_refused(name):
    """Walks, dances, kicks and flips; those on the hands or the floor are at most said."""
    from avatar_kit.io.motion.load import list_clips

    path = shared_file(f"motion/{name}")
    clips = list_clips(path)
    for clip in clips[:: max(1, len(clips) // 4)]:
        read_file(path, clip=clip)
