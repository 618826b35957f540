"""FBX files that are damaged, hostile, old, or make no sense: one message that names the file."""

import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avatar_kit.errors import UserError
from avatar_kit.io.motion import read_file
from tests.io import fbx_writers as fbx
from tests.io import motion_writers as files
from tests.io.fbx_mixamo import mixamo, mixamo_nodes
from tests.io.test_fbx_files import refused

SHORT = files.walking(4, hands=True)


def written(path, objects=(), links=(), **kept):
    path.write_bytes(fbx.binary(fbx.document(objects, links, **kept)))
    return path


@pytest.mark.parametrize(("flags", "good"), [(0x4, True), (0x408, False)])
def test_tangents_matter_only_to_cubic_keys(flags, good, tmp_path):
    nodes = mixamo_nodes(SHORT)
    changed("KeyAttrFlags", [np.array([flags], "<i4")])(nodes)
    changed("KeyAttrDataFloat", [np.full(4, np.nan, "<f4")])(nodes)
    (tmp_path / "a.fbx").write_bytes(fbx.binary(nodes))
    if good:
        assert len(read_file(tmp_path / "a.fbx").motion) == len(SHORT)
    else:
        refused(tmp_path / "a.fbx", "a tangent is not finite or above")


def limb(number, *found):
    return fbx.model(number, f"joint{number}", "LimbNode", *found)


@pytest.mark.parametrize(
    ("count", "content", "says"),
    [
        (2**30, bytes(2**20), "holds more than 60000000 numbers"),
        (2**25, bytes(40), "claims 33554432 numbers in .* bytes"),
        (4, bytes(2**20), "its numbers are cut short"),
        (10, bytes(16), "holds 4 numbers, expected 10"),
    ],
)
def test_a_bomb_is_refused_before_it_is_unpacked(count, content, says, tmp_path):
    nodes = mixamo_nodes(SHORT)
    changed("KeyValueFloat", [fbx.Packed(b"f", count, zlib.compress(content))])(nodes)
    (tmp_path / "a.fbx").write_bytes(fbx.binary(nodes))
    refused(tmp_path / "a.fbx", says)


def test_what_is_packed_wrongly(tmp_path):
    nodes = mixamo_nodes(SHORT)
    changed("KeyTime", [fbx.Packed(b"l", 4, b"no zlib")])(nodes)
    (tmp_path / "a.fbx").write_bytes(fbx.binary(nodes))
    refused(tmp_path / "a.fbx", "KeyTime: damaged .*copy the file again")


def test_more_joints_than_a_person_has_are_refused(tmp_path):
    path = written(tmp_path / "a.fbx", [limb(i) for i in range(1, 5002)],
                   [(i, i - 1) for i in range(2, 5002)])  # fmt: skip
    refused(path, "a skeleton of 5001 joints, expected at most 2048")


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
        (changed("KeyValueFloat", [np.full(4, np.nan, "<f4")]), "a value is not finite"),
        (changed("KeyValueFloat", [np.full(4, 1e30, "<f4")]), r"above 1e\+12; export"),
        (changed("KeyAttrRefCount", [np.array([3], "<i4")]), "do not fit its 4 keys"),
        (changed("KeyTime", [np.array([0, 1, 2, 2**63 - 1], "<i8")]), "its keys do not rise"),
        (changed("TransformLink", [np.zeros(16)]), "expected a matrix that has an inverse"),
        (changed("TransformLink", [np.zeros(3)]), "expected a matrix that has an inverse"),
    ],
)  # fmt: skip
def test_files_that_make_no_sense(change, says, tmp_path):
    nodes = mixamo_nodes(SHORT)
    change(nodes)
    (tmp_path / "a.fbx").write_bytes(fbx.binary(nodes))
    refused(tmp_path / "a.fbx", says)


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
    mixamo(tmp_path / "a.fbx", SHORT, given=fbx.settings(**given))
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
    "binary": fbx.binary(mixamo_nodes(SHORT)),
    "wide": fbx.binary(mixamo_nodes(SHORT, version=7700), 7700, packed=False),
    "ascii": fbx.ascii_file(mixamo_nodes(SHORT, version=7300)),
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
        assert str(path) in str(error)
