from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch

from avatar_kit.engine.driving import keep_footing
from avatar_kit.scene import Motion


@dataclass
class Legs:
    """A body of two key points: the pelvis, and a foot that bent knees pull up."""

    def from_motion(self, motion, shape):
        return motion

    def keypoints(self, motion):
        foot = motion.transl - torch.tensor([0.0, 0.9, 0.0])
        foot[:, 1] += 0.3 * motion.body_pose[:, 0]
        return torch.stack([motion.transl, foot], dim=1)


@pytest.fixture
def loaded():
    return SimpleNamespace(avatar=SimpleNamespace(body=Legs(), shape=torch.zeros(1)))


def test_straightened_legs_keep_the_feet_where_they_were(loaded):
    frames = 300
    bend = torch.rand(frames, generator=torch.Generator().manual_seed(0))
    pose = torch.zeros(frames, 63)
    pose[:, 0] = bend
    jump = torch.linspace(0, 1, frames)
    transl = torch.stack([jump, 0.9 - 0.3 * bend + jump, jump], dim=1)
    source = Motion.rest(frames, transl=transl, body_pose=pose)
    straight = Motion.rest(frames, transl=transl)
    kept = keep_footing(loaded, source, straight)
    torch.testing.assert_close(kept.transl[:, 1] - 0.9, jump)  # the feet still jump
    assert torch.equal(kept.transl[:, [0, 2]], transl[:, [0, 2]])
    torch.testing.assert_close(keep_footing(loaded, source, source).transl, transl)
