"""FBX files that are put together by the words of the format: motions return to a millimetre."""

import re
import zlib

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avatar_kit.errors import UserError
from avatar_kit.io.fbx import read_fbx
from avatar_kit.io.motion import list_clips, read_file
from avatar_kit.io.motion.options import MotionOptions
from tests.io import fbx_writers as fbx
from tests.io import motion_writers as files
from tests.io.test_motion_formats import furthest, same_hands

WALK, SHORT = files.walking(hands=True), files.walking(4, hands=True)

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


def written(path, objects=(), links=(), **kept):
    path.write_bytes(fbx.binary(fbx.document(objects, links, **kept)))
    return path


@pytest.mark.parametrize("form", list(FORMS))
def test_a_walk_of_mixamo_returns_to_a_millimetre(form, tmp_path):
    fbx.mixamo(tmp_path / "a.fbx", WALK, **FORMS[form])
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
    fbx.mixamo(tmp_path / "a.fbx", WALK, turn=turn, given=fbx.settings(**said))
    found = read_file(tmp_path / "a.fbx")
    assert found.up == up
    assert furthest(straight(found.motion), straight(WALK)) < 1e-3


def test_a_child_keeps_its_size_because_the_file_states_its_unit(tmp_path):
    """Legs of 40 units are 40 cm here; without a unit they would be taken for inches."""
    fbx.mixamo(tmp_path / "a.fbx", WALK, given=fbx.settings(unit=0.5))
    found = read_file(tmp_path / "a.fbx")
    torch.testing.assert_close(found.motion.transl, WALK.transl / 2, atol=1e-3, rtol=0)
    assert found.unit == "units of 0.005 m"
    found = read_file(tmp_path / "a.fbx", options=MotionOptions(unit="cm"))
    torch.testing.assert_close(found.motion.transl, WALK.transl, atol=1e-3, rtol=0)


def test_a_t_pose_without_a_skin_is_the_built_pose(tmp_path):
    fbx.mixamo(tmp_path / "a.fbx", WALK, bound=False)
    assert furthest(straight(read_file(tmp_path / "a.fbx").motion), straight(WALK)) < 1e-3


def test_a_frame_is_not_taken_for_the_built_pose(tmp_path):
    """Some programs write the frame on the screen as the rest pose: the movement tells the axes."""
    fbx.mixamo(tmp_path / "a.fbx", WALK, bound=False, lcl="frame")
    fbx.mixamo(tmp_path / "b.fbx", WALK, lcl="frame")
    moved, bound = (straight(read_file(tmp_path / name).motion) for name in ("a.fbx", "b.fbx"))
    assert furthest(bound, straight(WALK)) < 1e-3
    assert 1e-3 < furthest(moved, straight(WALK)) < 0.6


def two_clips(path, motion=WALK):
    """A second stack that holds the pose of the first frame for two seconds, at 24 fps."""
    nodes = fbx.mixamo_nodes(motion, given=fbx.settings(mode=11))
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
    fbx.mixamo(tmp_path / "a.fbx", WALK, given=fbx.settings(mode=mode))
    found = read_file(tmp_path / "a.fbx")
    assert found.motion.fps == fps and found.rate == rate
    assert len(found.motion) == round(39 / 30 * fps) + 1


def test_expressions_of_blend_shapes(tmp_path):
    fbx.mixamo(tmp_path / "a.fbx", WALK, expressions=("eyeBlinkLeft", "JawOpen", "other"))
    found = read_file(tmp_path / "a.fbx")
    assert found.face == "2 expressions"
    wanted = np.sin(np.arange(40) / 30) ** 2
    for name in ("eyeBlinkLeft", "jawOpen"):
        column = found.motion.expression[:, files.ARKIT_CHANNELS.index(name)]
        np.testing.assert_allclose(column, wanted, atol=1e-5)


def test_layers_above_the_first_are_named(tmp_path):
    nodes = fbx.mixamo_nodes(WALK)
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
    nodes = fbx.mixamo_nodes(WALK)
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


@pytest.mark.parametrize(
    ("count", "content", "says"),
    [
        (2**30, bytes(2**20), "holds more than 200000000 numbers"),
        (2**26, bytes(40), "claims 67108864 numbers in .* bytes"),
        (4, bytes(2**20), "its numbers are cut short"),
        (10, bytes(16), "holds 4 numbers, expected 10"),
    ],
)
def test_a_bomb_is_refused_before_it_is_unpacked(count, content, says, tmp_path):
    nodes = fbx.mixamo_nodes(SHORT)
    changed("KeyValueFloat", [fbx.Packed(b"f", count, zlib.compress(content))])(nodes)
    (tmp_path / "a.fbx").write_bytes(fbx.binary(nodes))
    refused(tmp_path / "a.fbx", says)


def test_what_is_packed_wrongly(tmp_path):
    nodes = fbx.mixamo_nodes(SHORT)
    changed("KeyTime", [fbx.Packed(b"l", 4, b"no zlib")])(nodes)
    (tmp_path / "a.fbx").write_bytes(fbx.binary(nodes))
    refused(tmp_path / "a.fbx", "KeyTime: damaged .*copy the file again")


def test_an_hour_of_two_keys_is_refused(tmp_path):
    file = fbx.Animation()
    file.objects.append(limb(1))
    file.animate(file.stack("a", 3e5), 1, "Lcl Rotation", [0, 3e5], [[0, 1]] * 3)
    refused(written(tmp_path / "a.fbx", file.objects, file.links), "9000001 frames are too many")


def test_two_hours_of_many_joints_are_refused(tmp_path):
    file = fbx.Animation()
    file.objects += [limb(i) for i in range(1, 101)]
    file.links += [(i, i - 1) for i in range(2, 101)]
    file.animate(file.stack("a", 7200.0), 1, "Lcl Rotation", [0, 7200], [[0, 1]] * 3)
    path = written(tmp_path / "a.fbx", file.objects, file.links)
    refused(path, "100 nodes in 216001 frames are too many")


def changed(name, value):
    """A change of the first node of a name, at any depth."""

    def change(nodes):
        for i, (found, _, below) in enumerate(nodes):
            if found == name:
                nodes[i] = (found, value, below)
                return True
            if change(below):
                return True
        return False

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (changed("KeyTime", [np.array([3, 2, 1, 0], "<i8")]), "the times of its keys do not rise"),
        (changed("KeyTime", [np.arange(3, dtype="<i8")]), "3 times of keys but 4 values"),
        (changed("KeyTime", [7]), "KeyTime: is 7, expected an array"),
        (changed("KeyValueFloat", [np.full(4, np.nan, "<f4")]), "a value or tangent is not finite"),
        (changed("KeyValueFloat", [np.full(4, 1e30, "<f4")]), "values above 1e12 are no motion"),
        (changed("KeyAttrRefCount", [np.array([3], "<i4")]), "do not fit its 4 keys"),
        (changed("KeyTime", [np.array([0, 1, 2, 2**63 - 1], "<i8")]), "its keys do not rise"),
        (changed("TransformLink", [np.zeros(16)]), "expected a matrix that has an inverse"),
        (changed("TransformLink", [np.zeros(3)]), "expected a matrix that has an inverse"),
    ],
)  # fmt: skip
def test_files_that_make_no_sense(change, says, tmp_path):
    nodes = fbx.mixamo_nodes(SHORT)
    change(nodes)
    (tmp_path / "a.fbx").write_bytes(fbx.binary(nodes))
    refused(tmp_path / "a.fbx", says)


def limb(number, *found):
    return fbx.model(number, f"joint{number}", "LimbNode", *found)


@pytest.mark.parametrize(
    ("objects", "links", "says"),
    [
        ([limb(1), limb(2)], [(1, 2), (2, 1)], "its nodes hang in a circle"),
        ([limb(1)], [], "holds no animation of its skeleton; export it with its animation"),
        ([fbx.model(1, "cube", "Mesh")], [], "holds no skeleton .*export it with its armature"),
    ],
)
def test_scenes_that_make_no_sense(objects, links, says, tmp_path):
    refused(written(tmp_path / "a.fbx", objects, links), says)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"up": (0, 1)}, r"UpAxis \+1 x 0, .*expected the axes 0, 1 and 2"),
        ({"up": (1, 2)}, r"UpAxis \+2 x 1"),
        ({"unit": float("nan")}, r"'UnitScaleFactor' is \[nan\], expected 1 finite number"),
    ],
)
def test_settings_that_make_no_sense(given, says, tmp_path):
    fbx.mixamo(tmp_path / "a.fbx", SHORT, given=fbx.settings(**given))
    refused(tmp_path / "a.fbx", says)


def nested(depth):
    node = ("A", [], [])
    for _ in range(depth):
        node = ("A", [], [node])
    return [node]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (fbx.binary([], 6100), r"FBX version 6\.1, expected 7\.0 to 7\.9; convert it .*OUT.glb"),
        (fbx.binary([], 8000), r"FBX version 8, expected 7\.0 to 7\.9"),
        (b"; FBX 6.1.0 project file\nFBXHeaderExtension:  {\n\tFBXVersion: 6100\n}\n",
         r"FBX version 6\.1, expected"),
        (b"; FBX 7.3.0 project file\n", "states no FBXVersion"),
        (b"Kaydara FBX Binary  \x00\x1a\x00", "ends within its header"),
        (b"", "no FBX file"),
        (fbx.binary(nested(10))[:150], "sizes of node 'A' do not fit the file"),
        (fbx.binary(nested(40)), "nested more than 32 levels deep"),
        (fbx.ascii_file([("FBXVersion", [7300], []), *nested(40)]), "line 37: .*too deep"),
        (fbx.binary([("A", [1, 2], [])]).replace(b"\x02\0\0\0\x12", b"\xff\0\0\0\x12"),
         "node 'A' claims 255 values"),
        (fbx.binary([("A", ["x"], [])]).replace(b"AS\x01", b"AQ\x01"), "unknown type of value 'Q'"),
        (fbx.binary([("A", ["x"], [])]).replace(b"AS\x01", b"AS\x09"), "values of node 'A' end"),
        (fbx.ascii_file([("FBXVersion", [7300], [("A", [1], [])])])[:-2], "is not closed"),
        (b"; FBX 7\nFBXVersion: 7300\n}\n", "line 3: a brace is closed that was not opened"),
        (b"; FBX 7\nFBXVersion: 7300\nA: \"x\n", "is unexpected"),
    ],
)  # fmt: skip
def test_files_that_are_damaged_or_of_other_versions(content, says, tmp_path):
    (tmp_path / "a.fbx").write_bytes(content)
    refused(tmp_path / "a.fbx", says)


WHOLE = {
    "binary": fbx.binary(fbx.mixamo_nodes(SHORT)),
    "wide": fbx.binary(fbx.mixamo_nodes(SHORT, version=7700), 7700, packed=False),
    "ascii": fbx.ascii_file(fbx.mixamo_nodes(SHORT, version=7300)),
}


@pytest.mark.parametrize("form", list(WHOLE))
@settings(max_examples=25, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(where=st.floats(0, 1, exclude_max=True), put=st.binary(max_size=9), cut=st.booleans())
def test_damage_is_a_user_error_that_names_the_file_or_harmless(form, where, put, cut, tmp_path):
    content = WHOLE[form]
    at = int(where * len(content))
    path = tmp_path / "a.fbx"
    path.write_bytes(content[:at] + put + (b"" if cut else content[at + len(put) :]))
    try:
        read_file(path)
    except UserError as error:
        assert re.escape(str(path)) in re.escape(str(error))
