"""Layouts that need more than their joints back: hands from a mean hand, several people, damage."""

import json
import re

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avatar_kit.errors import UserError
from avatar_kit.io.motion import list_clips, read_file
from tests.io import motion_writers as files
from tests.io.test_motion_formats import furthest

WALK = files.walking(hands=True)
SHORT = files.walking(6, hands=True)


def refused(path, says):
    with pytest.raises(UserError, match=says) as error:
        read_file(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_beat2(tmp_path):
    trans = WALK.transl.numpy() - files.PELVIS["smplx"]
    np.savez(tmp_path / "a.npz", poses=files.rows(WALK, 165), trans=trans, betas=np.zeros(300),
             expressions=np.zeros((40, 100)), model="smplx2020", mocap_frame_rate=30)  # fmt: skip
    found = read_file(tmp_path / "a.npz")
    assert found.layout == "BEAT2 (SMPL-X)" and found.up == "y"
    assert furthest(found.motion, WALK) < 1e-3
    more = (found.motion.left_hand_pose - WALK.left_hand_pose).view(40, 15, 3)
    assert (more[:, :12, 2] < -0.05).all() and "relaxed hand" in found.hands


def test_people_are_clips_and_gaps_are_filled(tmp_path):
    person = {"pose_world": files.rows(WALK, 72), "pose": files.rows(WALK, 72),
              "trans_world": WALK.transl.numpy(), "trans": WALK.transl.numpy()}  # fmt: skip
    kept = np.delete(np.arange(40), [10, 11])
    files._dump(tmp_path / "a.pkl", {
        0: {**person, "frame_ids": np.arange(40)},
        7: {**{k: v[kept] for k, v in person.items()}, "frame_ids": 100 + kept},
    })  # fmt: skip
    assert list_clips(tmp_path / "a.pkl") == ["0", "7"]
    refused(tmp_path / "a.pkl", r"holds 2 clips; name one, e\.g\. 'a\.pkl#0'")
    found = read_file(f"{tmp_path / 'a.pkl'}#7")
    assert len(found.motion) == 40
    assert "2 frames without the person, put between their neighbours" in found.notes
    between = torch.lerp(WALK.transl[9], WALK.transl[12], 1 / 3)
    pelvis = torch.tensor(files.PELVIS["smpl"])
    torch.testing.assert_close(found.motion.transl[10], between + pelvis, atol=1e-5, rtol=0)


def test_frames_of_a_folder_go_by_number(tmp_path):
    files.exavatar(tmp_path / "a", files.walking(12))
    found = read_file(tmp_path / "a")
    np.testing.assert_allclose(found.motion.transl, files.walking(12).transl, atol=1e-5)
    (tmp_path / "a" / "5.json").unlink()
    assert any("1 frames are missing" in note for note in read_file(tmp_path / "a").notes)
    (tmp_path / "a" / "6.json").write_text('{"root_pose": [0, 0, 0]}')
    refused(tmp_path / "a", r"frame 6: expected root_pose, body_pose, trans")


def test_an_empty_folder(tmp_path):
    refused(tmp_path, "a folder with 0 numbered .json or .npz files")


def test_normalised_humanml3d_is_named(tmp_path):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(60, 263)) - 0.5)
    refused(tmp_path / "a.npy", r"are these normalised\? multiply by Std.npy and add Mean.npy")


def test_a_glb_without_animation(tmp_path):
    from avatar_kit.io.glb import GlbBuffer

    (tmp_path / "a.glb").write_bytes(GlbBuffer().packed({"asset": {"version": "2.0"}}))
    refused(tmp_path / "a.glb", "holds no animation; export it with its animation")


def test_a_gltf_with_its_numbers_inside(tmp_path):
    """As .gltf with a data URI; another reader (trimesh) sees the same nodes."""
    import base64

    trimesh = pytest.importorskip("trimesh")
    files.glb(tmp_path / "a.glb", WALK)
    content = (tmp_path / "a.glb").read_bytes()
    size = int.from_bytes(content[12:16], "little")
    document = json.loads(content[20 : 20 + size])
    data = base64.b64encode(content[28 + size :]).decode()
    document["buffers"][0]["uri"] = f"data:application/octet-stream;base64,{data}"
    (tmp_path / "a.gltf").write_text(json.dumps(document))
    found, same = read_file(tmp_path / "a.gltf"), read_file(tmp_path / "a.glb")
    assert torch.equal(found.motion.body_pose, same.motion.body_pose)
    assert len(trimesh.load(tmp_path / "a.glb", force="scene").graph.nodes) >= 0
    document["buffers"][0]["uri"] = "../secret.bin"
    (tmp_path / "a.gltf").write_text(json.dumps(document))
    refused(tmp_path / "a.gltf", "which does not lie beside it")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (lambda d: d["skins"][0].update(joints=7), "'joints' is 7, expected a list"),
        (lambda d: d["skins"][0].update(joints=[]), "its skeleton has no joint"),
        (lambda d: d["nodes"][1].update(children=7), "'children' is 7, expected a list"),
        (lambda d: d["animations"][0].update(channels={}), "'channels' is {}, expected a list"),
        (lambda d: d["accessors"][0].update(componentType=[5126]), "unknown componentType"),
        (lambda d: d["accessors"][0].update(count=True), "unknown componentType, type or count"),
        (lambda d: d["accessors"][0].update(sparse=3), "its sparse values are not whole"),
        (lambda d: d["accessors"][0].update(byteOffset="x"), "'x' where a number of bytes"),
        (lambda d: d["buffers"][0].update(uri="none.bin"), "none.bin: no such buffer of a glTF"),
    ],
)
def test_gltf_documents_that_make_no_sense(changed, says, tmp_path):
    files.glb(tmp_path / "a.glb", SHORT)
    content = (tmp_path / "a.glb").read_bytes()
    size = int.from_bytes(content[12:16], "little")
    document = json.loads(content[20 : 20 + size])
    (tmp_path / "a.bin").write_bytes(content[28 + size :])
    document["buffers"][0]["uri"] = "a.bin"
    (tmp_path / "a.gltf").write_text(json.dumps(document))
    assert len(read_file(tmp_path / "a.gltf").motion) == len(SHORT)
    changed(document)
    (tmp_path / "a.gltf").write_text(json.dumps(document))
    with pytest.raises(UserError, match=re.escape(says)):
        read_file(tmp_path / "a.gltf")


def test_a_small_file_that_claims_a_week_is_refused_before_it_is_computed(tmp_path):
    """Two keys, 9 hours apart, are a million frames of 53 nodes: gigabytes."""
    files.glb(tmp_path / "a.glb", SHORT)
    content = (tmp_path / "a.glb").read_bytes()
    size = int.from_bytes(content[12:16], "little")
    document, binary = json.loads(content[20 : 20 + size]), bytearray(content[28 + size :])
    first = document["bufferViews"][document["accessors"][0]["bufferView"]].get("byteOffset", 0)
    times = np.array([0, 1 / 30, 2 / 30, 3 / 30, 4 / 30, 30_000], "<f4")
    binary[first : first + times.nbytes] = times.tobytes()
    (tmp_path / "a.bin").write_bytes(bytes(binary))
    document["buffers"][0]["uri"] = "a.bin"
    (tmp_path / "a.gltf").write_text(json.dumps(document))
    refused(tmp_path / "a.gltf", r"\d+ nodes in 900001 frames are too many")


def test_a_glb_whose_bind_matrices_are_none(tmp_path):
    files.glb(tmp_path / "a.glb", SHORT)
    content = bytearray((tmp_path / "a.glb").read_bytes())
    content[-16 * 4 :] = np.zeros(16, "<f4").tobytes()  # the inverse bind matrix of the last joint
    (tmp_path / "a.glb").write_bytes(content)
    refused(tmp_path / "a.glb", "inverseBindMatrices that move and turn no joint")


#: Every example writes over the file of the one before.
SAME_FOLDER = [HealthCheck.function_scoped_fixture]

WRITERS = {
    "a.npz": files.amass, "a.pkl": files.aist, "a.pt": files.gvhmr, "a.npy": files.tram,
    "b.npz": files.romp, "a.csv": files.live_link, "a.txt": files.deepmimic, "a.glb": files.glb,
    "a.bvh": files.bvh,
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    for name, write in WRITERS.items():
        write(folder / name, SHORT)
    return {name: (folder / name).read_bytes() for name in WRITERS}


@pytest.mark.parametrize("name", list(WRITERS))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(where=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255), cut=st.booleans())
def test_damage_is_a_user_error_that_names_the_file_or_harmless(
    name, where, byte, cut, whole, tmp_path
):
    content = bytearray(whole[name])
    at = int(where * len(content))
    content[at] = byte
    path = tmp_path / name
    path.write_bytes(bytes(content[:at] if cut else content))
    try:
        read_file(path)
    except UserError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["Timecode,BlendshapeCount,EyeBlinkLeft", "00:00:00:00,1,2.5,3"], "row 2 has 4 values"),
        (["Timecode,BlendshapeCount,EyeBlinkLeft", "00:00:00:00,1,x"], "'x' is no finite number"),
        (["Timecode,BlendshapeCount,EyeBlinkLeft", "00:00:00:00,1,-3"], "is -3, expected 0 to 1"),
        (["Timecode,BlendshapeCount,EyeBlinkLeft", "noon,1,0.3"], "'noon' is no time code"),
        (["Timecode,BlendshapeCount,EyeBlinkLeft,EyeBlinkLeft", "0,1,0,0"], "is there twice"),
        (["Timecode,BlendshapeCount,Smile", "00:00:00:00,1,0.3"], "no column is called like"),
        (["Timecode,BlendshapeCount,EyeBlinkLeft"], "holds no row of values"),
        (
            ["Timecode,Count,EyeBlinkLeft", "0:0:0:1,1,0", "0:0:1:0,1,0", "70:0:1:0,1,0"],
            "row 4, column Timecode: 252000 s after the row before, expected at most 60",
        ),
    ],
)
def test_tables_that_make_no_sense(lines, says, tmp_path):
    (tmp_path / "a.csv").write_text("\n".join(lines))
    refused(tmp_path / "a.csv", re.escape(says))
