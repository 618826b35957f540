"""A body from one file, the face and the hands from others."""

import pytest
import torch

import avatar_kit as ak
from avatar_kit.errors import UserError
from avatar_kit.io import save_motion
from avatar_kit.io.motion import MotionOptions
from avatar_kit.scene import Motion
from tests.io import motion_writers as files


def test_the_face_is_aligned_by_time(tmp_path):
    """A face at 60 fps on a body at 30: every second frame; then the last one is held."""
    draw = torch.Generator().manual_seed(0)
    face = Motion.rest(90, 60.0, expression=torch.rand(90, 52, generator=draw))
    files.live_link(tmp_path / "face.csv", face)
    walk = files.walking(60)
    save_motion(tmp_path / "walk.npz", walk)
    said = []
    motion = ak.read_motion(tmp_path / "walk.npz", face=tmp_path / "face.csv", say=said.append)
    assert len(motion) == 60 and motion.fps == 30
    torch.testing.assert_close(motion.expression[:45], face.expression[::2], atol=1e-6, rtol=0)
    torch.testing.assert_close(motion.expression[50], motion.expression[44])
    assert torch.equal(motion.body_pose, walk.body_pose)  # the head is the body's
    assert any("1.5 s of face for 2.0 s of motion: its last frame is held" in line for line in said)


def test_hands_of_another_file(tmp_path):
    body, other = files.walking(20), files.walking(20, hands=True, seed=5)
    save_motion(tmp_path / "body.npz", body)
    save_motion(tmp_path / "other.npz", other)
    motion = ak.read_motion(tmp_path / "body.npz", hands=tmp_path / "other.npz")
    assert torch.equal(motion.left_hand_pose, other.left_hand_pose)
    assert torch.equal(motion.body_pose, body.body_pose)
    with pytest.raises(UserError, match=r"--hands .*body\.npz: holds no hands that moves|fingers"):
        ak.read_motion(tmp_path / "other.npz", hands=tmp_path / "body.npz")


def test_options_of_files_are_not_for_videos(tmp_path):
    (tmp_path / "a.mp4").touch()
    with pytest.raises(UserError, match=r"a\.mp4: is a video; --up, --unit"):
        ak.read_motion(tmp_path / "a.mp4", options=MotionOptions(up="z"))
