"""FBX files that are put together by the words of the format: motions return to a millimetre."""

import numpy as np
import pytest
import torch

from avatar_kit.errors import UserError
from avatar_kit.io.fbx import read_fbx
from avatar_kit.io.motion import list_clips, read_file
from avatar_kit.io.motion.options import MotionOptions
from tests.io import fbx_writers as fbx
from tests.io import motion_writers as files
from tests.io.fbx_mixamo import mixamo, mixamo_nodes
from tests.io.test_motion_formats import furthest, same_hands

WALK = files.walking(hands=True)

FORMS = {
    "binary, 32 bits": {},
    "binary, 64 bits, unpacked": {"version": 7700, "packed": False},
    "ASCII": {"text": True, "version": 7300},
}


def straight(motion):
    return files.body_positions(motion, files.straight_offsets()).numpy()


def refused(path, says):
    with pytest.raises(UserError, match=says) as error:
        read_file(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("form", list(FORMS))
def test_a_walk_of_mixamo_returns_to_a_millimetre(form, tmp_path):
    mixamo(tmp_path / "a.fbx", WALK, **FORMS[form])
    found = read_file(tmp_path / "a.fbx")
    assert furthest(straight(found.motion), straight(WALK)) < 1e-3
    same_hands(found.motion, WALK, 2e-4)
    assert found.layout == "FBX" and found.motion.fps == 30 and found.rate == "stated"
    assert found.unit == "centimetres" and found.hands == "30 finger joints"
    assert found.notes == () and found.clip == "a"


@pytest.mark.parametrize(
    ("said", "turn", "up"),
    [
        ({"up": (2, 1), "front": (1, -1)}, [[1, 0, 0], [0, 0, -1], [0, 1, 0]], "z"),
        ({"front": (0, 1), "coord": (2, -1)}, [[0, 0, 1], [0, 1, 0], [-1, 0, 0]], "y"),
        ({"coord": (0, -1)}, np.diag([-1, 1, 1]), "y"),  # left-handed
        ({"up": (0, -1), "coord": (1, 1)}, [[0, -1, 0], [1, 0, 0], [0, 0, 1]], "-x"),
    ],
)  # fmt: skip
def test_axes_of_the_file(said, turn, up, tmp_path):
    """Whatever the axes are: up is up, and who faces the front faces +z."""
    mixamo(tmp_path / "a.fbx", WALK, turn=turn, given=fbx.settings(**said))
    found = read_file(tmp_path / "a.fbx")
    assert found.up == up
    assert furthest(straight(found.motion), straight(WALK)) < 1e-3


def test_a_child_keeps_its_size_because_the_file_states_its_unit(tmp_path):
    """Legs of 40 units are 40 cm here; without a unit they would be taken for inches."""
    mixamo(tmp_path / "a.fbx", WALK, given=fbx.settings(unit=0.5))
    found = read_file(tmp_path / "a.fbx")
    torch.testing.assert_close(found.motion.transl, WALK.transl / 2, atol=1e-3, rtol=0)
    assert found.unit == "units of 0.005 m"
    found = read_file(tmp_path / "a.fbx", options=MotionOptions(unit="cm"))
    torch.testing.assert_close(found.motion.transl, WALK.transl, atol=1e-3, rtol=0)


def test_a_t_pose_without_a_skin_is_the_built_pose(tmp_path):
    mixamo(tmp_path / "a.fbx", WALK, bound=False)
    assert furthest(straight(read_file(tmp_path / "a.fbx").motion), straight(WALK)) < 1e-3


def test_a_frame_is_not_taken_for_the_built_pose(tmp_path):
    """Some programs write the frame on the screen as the rest pose: the movement tells the axes."""
    mixamo(tmp_path / "a.fbx", WALK, bound=False, lcl="frame")
    mixamo(tmp_path / "b.fbx", WALK, lcl="frame")
    moved, bound = (straight(read_file(tmp_path / name).motion) for name in ("a.fbx", "b.fbx"))
    assert furthest(bound, straight(WALK)) < 1e-3
    assert 1e-3 < furthest(moved, straight(WALK)) < 0.6


def two_clips(path, motion=WALK):
    """A second stack that holds the pose of the first frame for two seconds, at 24 fps."""
    nodes = mixamo_nodes(motion, given=fbx.settings(mode=11))
    file = fbx.Animation()
    file._next = 950_000
    layer = file.stack("hold", 2.0)
    file.animate(layer, 100, "Lcl Rotation", [0, 5], [[10, 10], [20, 20], [30, 30]])
    nodes[3][2].extend(file.objects)
    nodes[4][2].extend(("C", ["OP" if len(x) > 2 else "OO", *x], []) for x in file.links)
    path.write_bytes(fbx.binary(nodes))


def test_every_animation_with_keys_is_a_clip(tmp_path):
    two_clips(tmp_path / "a.fbx")
    assert list_clips(tmp_path / "a.fbx") == ["mixamo.com", "hold"]
    refused(tmp_path / "a.fbx", r"holds 2 clips; name one, e\.g\. 'a\.fbx#mixamo\.com'")
    found = read_file(f"{tmp_path / 'a.fbx'}#hold", options=MotionOptions(up="y"))
    assert found.motion.fps == 24 and len(found.motion) == 49  # LocalStop, though keys go on
    assert float((found.motion.global_orient - found.motion.global_orient[:1]).abs().max()) < 1e-6
    walk = read_file(tmp_path / "a.fbx", clip="mixamo.com")
    assert len(walk.motion) == int(39 / 30 * 24) + 1
    at = np.arange(len(walk.motion)) / 24
    for axis in range(3):
        wanted = np.interp(at, np.arange(40) / 30, WALK.transl[:, axis])
        np.testing.assert_allclose(walk.motion.transl[:, axis], wanted, atol=1e-4)


@pytest.mark.parametrize(
    ("mode", "fps", "rate"), [(3, 60, "stated"), (0, 30, "stated"), (12, 30, "stated")]
)
def test_the_rate_is_that_of_the_file_or_of_its_keys(mode, fps, rate, tmp_path):
    """TimeMode 0 states none and 12 is 1000 per second: then the keys tell."""
    mixamo(tmp_path / "a.fbx", WALK, given=fbx.settings(mode=mode))
    found = read_file(tmp_path / "a.fbx")
    assert found.motion.fps == fps and found.rate == rate
    assert len(found.motion) == round(39 / 30 * fps) + 1


def test_expressions_of_blend_shapes(tmp_path):
    mixamo(tmp_path / "a.fbx", WALK, expressions=("eyeBlinkLeft", "JawOpen", "other"))
    found = read_file(tmp_path / "a.fbx")
    assert found.face == "2 expressions"
    wanted = np.sin(np.arange(40) / 30) ** 2
    for name in ("eyeBlinkLeft", "jawOpen"):
        column = found.motion.expression[:, files.ARKIT_CHANNELS.index(name)]
        np.testing.assert_allclose(column, wanted, atol=1e-5)


def test_layers_above_the_first_are_named(tmp_path):
    nodes = mixamo_nodes(WALK)
    stack = next(o for o in nodes[3][2] if o[0] == "AnimationStack")[1][0]
    file = fbx.Animation()
    file._next = 950_000
    layer = file.number()
    file.objects.append(("AnimationLayer", [layer, fbx.named("Face", "AnimLayer"), ""], []))
    file.links.append((layer, stack))
    file.animate(layer, 100, "Lcl Rotation", [0, 1], [[90, 90]] * 3)
    nodes[3][2].extend(file.objects)
    nodes[4][2].extend(("C", ["OP" if len(x) > 2 else "OO", *x], []) for x in file.links)
    (tmp_path / "a.fbx").write_bytes(fbx.binary(nodes))
    found = read_file(tmp_path / "a.fbx")
    assert any("has 2 layers: only the first is read" in note for note in found.notes)
    assert furthest(straight(found.motion), straight(WALK)) < 1e-3


def test_somebody_else_in_the_file_is_omitted(tmp_path):
    nodes = mixamo_nodes(WALK)
    nodes[3][2].append(fbx.model(7, "mixamorig1:Hips", "LimbNode"))
    (tmp_path / "a.fbx").write_bytes(fbx.binary(nodes))
    assert read_file(tmp_path / "a.fbx").dropped == ("1 joints of other skeletons",)


def test_every_type_of_value_is_read(tmp_path):
    values = [np.int16(-3), True, np.int32(-70_000), np.float32(0.5), 2**40, 1e-3, "ä", b"\x00\xff"]
    values += [np.arange(3, dtype=kind) for kind in ("<f4", "<f8", "<i4", "<i8", "u1")]
    for packed in (True, False):
        nodes = [*fbx.document([], []), ("All", values, [])]
        (tmp_path / "a.fbx").write_bytes(fbx.binary(nodes, 7500, packed=packed))
        from avatar_kit.io.fbx.binary import parse_binary

        root = parse_binary((tmp_path / "a.fbx").read_bytes(), tmp_path / "a.fbx")
        found = root.child("All").values
        assert found[:7] == [-3, True, -70_000, 0.5, 2**40, 1e-3, "ä"]
        assert bytes(found[7]) == b"\x00\xff"
        for array in found[8:]:
            np.testing.assert_array_equal(array.numbers("a"), [0, 1, 2])


def test_text_may_hold_what_marks_nodes(tmp_path):
    objects = [fbx.model(1, 'a {b}: ; "c", *3', "Null")]
    (tmp_path / "a.fbx").write_bytes(fbx.ascii_file(fbx.document(objects, [], version=7300)))
    assert read_fbx(tmp_path / "a.fbx").objects[1].name == 'a {b}: ; "c", *3'
