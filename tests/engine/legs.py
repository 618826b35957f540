"""A body for tests of what stands on the ground."""

from dataclasses import dataclass
from types import SimpleNamespace

import torch


@dataclass
class Legs:
    """A body of two key points: the pelvis, and a foot that the first number of a pose lifts."""

    def from_motion(self, motion, shape):
        return motion

    def keypoints(self, motion):
        foot = motion.transl - torch.tensor([0.0, 0.9, 0.0])
        foot[:, 1] += 0.3 * motion.body_pose[:, 0]
        return torch.stack([motion.transl, foot], dim=1)


#: An avatar with nothing but that body.
ON_LEGS = SimpleNamespace(avatar=SimpleNamespace(body=Legs(), shape=torch.zeros(1)))
