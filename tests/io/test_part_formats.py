"""PyMAF-X and SAM 3D Body return whole bodies; MANO and FLAME return hands and a jaw."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from avatar_kit.api.motion import read_motion
from avatar_kit.errors import UserError
from avatar_kit.io.motion import list_clips, read_file
from avatar_kit.io.motion.options import MotionOptions
from avatar_kit.io.motion.tracks import without_gaps
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import SMPLX_JOINTS
from tests.io import motion_writers as files
from tests.io import part_writers as parts
from tests.io.test_motion_formats import furthest, same_hands

WALK = files.walking(hands=True)
#: Looks about and speaks.
EYES = 0.1 * torch.sin(torch.arange(40.0)[:, None] * torch.tensor([0.2, 0.3, 0.0]))
FACE = files.Motion.rest(40, 30.0, jaw_pose=WALK.jaw_pose, leye_pose=EYES, reye_pose=2 * EYES)
FAST = MotionOptions(rate=30.0)


def refused(path, says):
    with pytest.raises(UserError, match=says) as error:
        read_file(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_pymaf(tmp_path):
    parts.pymaf(tmp_path / "a.pkl", WALK)
    found = read_file(tmp_path / "a.pkl", options=FAST)
    assert found.layout == "PyMAF-X (SMPL-X)" and found.up == "-y"
    flat = WALK.transl.clone()
    flat[:, 2] = found.motion.transl[0, 2]
    assert furthest(found.motion, replace(WALK, transl=flat)) < 1e-3
    same_hands(found.motion, WALK, 1e-5)
    torch.testing.assert_close(found.motion.jaw_pose, WALK.jaw_pose, atol=1e-5, rtol=0)
    assert "no real lens" in found.notes[0]
    parts.pymaf(tmp_path / "b.pkl", WALK, people=2)
    found = read_file(tmp_path / "b.pkl", options=FAST)
    assert len(found.motion) == 40 and any("several people" in note for note in found.notes)


def test_sam_3d_body(tmp_path):
    parts.sam3d(tmp_path / "a.pkl", WALK, people=2)
    found = read_file(tmp_path / "a.pkl", options=FAST)
    assert found.layout == "SAM 3D Body (MHR)" and found.up == "-y" and found.unit == "metres"
    assert found.hands == "30 finger joints"
    assert any("several people" in note for note in found.notes)
    seen = found.motion.transl - torch.tensor([0.2, -0.1, -3.0])  # the camera is not the world
    moved = replace(found.motion, transl=seen)
    off = np.linalg.norm(files.joints(moved) - files.joints(WALK), axis=-1)
    feet = [SMPLX_JOINTS.index(f"{side}_foot") for side in ("left", "right")]
    # a rig does not say how a foot slopes at rest: it is taken as it stands
    assert off[:, feet].max() < 0.08 and np.delete(off, feet, 1).max() < 1e-3
    for side in ("left", "right"):
        hand, true = (getattr(m, f"{side}_hand_pose").view(40, 15, 3) for m in (found.motion, WALK))
        torch.testing.assert_close(hand[:, :12], true[:, :12], atol=1e-4, rtol=0)
        # how a thumb stands off at rest is not said either: as where fingers are straightest
        torch.testing.assert_close(hand[:, 12:], true[:, 12:], atol=0.2, rtol=0)


def test_sam_3d_body_in_a_folder(tmp_path):
    parts.sam3d_folder(tmp_path / "a", files.walking(6))
    (tmp_path / "a" / "frame_00003.npz").unlink()
    found = read_file(tmp_path / "a", options=FAST)
    assert len(found.motion) == 6
    assert "1 frames without the person, put between their neighbours" in found.notes
    np.savez(tmp_path / "a" / "frame_00003.npz", pred_joint_coords=np.zeros((70, 3)),
             pred_global_rots=np.zeros((127, 3, 3)))  # fmt: skip
    refused(tmp_path / "a", "frame 3: 70 places and 127 turns of joints, expected 127")
    np.savez(tmp_path / "a" / "frame_00003.npz", pred_joint_coords=np.zeros((127, 3)),
             pred_global_rots=np.zeros(1))  # fmt: skip
    refused(tmp_path / "a", r"key 'pred_global_rots' has shape \(1,\), expected \(N, 3, 3\)")


@pytest.mark.parametrize("places", [(6, 2), (7, 3), (1,), (0, 3)])
def test_places_of_another_number(tmp_path, places):
    content = {"pred_rotmat": np.tile(np.eye(3), (6, 24, 1, 1)), "pred_trans": np.zeros(places)}
    np.save(tmp_path / "a.npy", content, allow_pickle=True)
    refused(tmp_path / "a.npy", "key 'pred_trans' has shape")
    one = {"smpl_thetas": np.zeros((1, 72)), "cam_trans": np.zeros(places)}
    np.savez(tmp_path / "b.npz", results=np.array({"0.jpg": one, "1.jpg": one}, dtype=object))
    refused(tmp_path / "b.npz", "places has shape")


@pytest.mark.parametrize(
    "content",
    [
        {"poses": np.zeros((0, 52, 3)), "trans": np.zeros((0, 3))},
        {
            "root_orient": np.zeros((0, 3)),
            "pose_body": np.zeros((0, 63)),
            "trans": np.zeros((0, 3)),
        },
        {"smpl_poses": np.zeros((0, 24, 3)), "smpl_trans": np.zeros((0, 3))},
    ],
)
def test_files_without_a_frame(tmp_path, content):
    np.savez(tmp_path / "a.npz", **content)
    refused(tmp_path / "a.npz", "no frame|holds 0 frames|empty|at least one")


def test_mano_of_both_hands(tmp_path):
    parts.mano(tmp_path / "hands.pkl", WALK)
    found = read_file(tmp_path / "hands.pkl")
    assert found.layout == "MANO" and found.motion.fps == 30
    assert found.hands == "fingers of left and right, from a relaxed hand on"
    same_hands(found.motion, WALK, 1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
def test_one_hand_as_rotations(side, tmp_path):
    parts.hamer(tmp_path / "a.npz", WALK, side)
    found = read_file(tmp_path / "a.npz")
    other = "right" if side == "left" else "left"
    assert found.hands == f"fingers of {side}"
    torch.testing.assert_close(
        getattr(found.motion, f"{side}_hand_pose"), getattr(WALK, f"{side}_hand_pose"),
        atol=1e-5, rtol=0,
    )  # fmt: skip
    assert not getattr(found.motion, f"{other}_hand_pose").any()


def test_flame_gives_jaw_and_eyes_and_says_what_it_does_not(tmp_path):
    parts.flame(tmp_path / "a.npz", FACE)
    found = read_file(tmp_path / "a.npz")
    assert found.layout == "FLAME" and found.face == "jaw and eyes"
    assert "expressions of FLAME (they have no exact counterpart in ARKit)" in found.dropped
    for name in ("jaw_pose", "leye_pose", "reye_pose"):
        torch.testing.assert_close(getattr(found.motion, name), getattr(FACE, name))
    pose = np.concatenate([np.zeros((40, 3)), FACE.jaw_pose], 1)
    np.savez(tmp_path / "deca.npz", pose=pose, exp=np.zeros((40, 50)), fps=30)
    found = read_file(tmp_path / "deca.npz")
    torch.testing.assert_close(found.motion.jaw_pose, FACE.jaw_pose)


def test_a_body_with_hands_of_mano_and_a_face_of_flame(tmp_path):
    files.amass(tmp_path / "body.npz", files.walking(), 72)
    parts.mano(tmp_path / "hands.pkl", WALK)
    parts.flame(tmp_path / "face.npz", FACE)
    said = []
    found = read_motion(
        tmp_path / "body.npz", hands=tmp_path / "hands.pkl", face=tmp_path / "face.npz",
        say=said.append,
    )  # fmt: skip
    same_hands(found, WALK, 1e-5)
    assert furthest(found, files.walking()) < 1e-3
    torch.testing.assert_close(found.jaw_pose, FACE.jaw_pose)
    assert any("no exact counterpart in ARKit" in line for line in said)


def test_what_of_hands_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", left_hand=np.zeros((5, 12)))
    refused(tmp_path / "a.npz", "12 principal components, which need the model of MANO")
    np.savez(tmp_path / "b.npz", hand_pose=np.zeros((4, 45)), is_right=[0, 1, 0, 1])
    refused(tmp_path / "b.npz", "'is_right' names both hands")
    files._dump(tmp_path / "c.pkl", {"left": {"betas": [0]}})
    refused(tmp_path / "c.pkl", "expected one of hand_pose, fullpose, pose, poses; there are betas")
    np.savez(tmp_path / "d.npz", left_hand=np.zeros((5, 45)), right_hand=np.zeros((6, 45)))
    refused(tmp_path / "d.npz", "different numbers of frames: left hand 5, right hand 6")


def test_people_of_a_folder_are_clips(tmp_path):
    (tmp_path / "a").mkdir()
    for t, frame in enumerate(parts.mhr_frames(files.walking(4))):
        for person in (0, 1):
            np.savez(tmp_path / "a" / f"{t:05d}_{person}.npz", **frame)
    assert list_clips(tmp_path / "a") == ["0", "1"]


@pytest.mark.parametrize(
    "frames", [[np.nan, 1, 2], [0, np.nan, 2], [0, 1, np.inf], [0, 0, 1], [2, 1, 0], [0, 1]]
)
def test_numbers_of_frames_that_do_not_rise(frames):
    with pytest.raises(UserError, match=r"^here: expected one number for each of 3 frames, rising"):
        without_gaps(Motion.rest(3), np.array(frames, float), "here")
