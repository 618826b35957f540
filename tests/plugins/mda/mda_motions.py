"""Motions of the tests of ``mda``."""

import torch

from avatar_kit.interfaces.body import Asset
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import BODY_JOINTS

BODY = Asset("body of the tests", "ab" * 32, "none")


def gestures(frames: int, speed: float = 0.2) -> Motion:
    """Arms that wave beside the body, a trunk that turns; hands, jaw and root move too."""
    phase = torch.arange(frames) * speed
    pose = torch.zeros(frames, 21, 3)
    pose[:, BODY_JOINTS.index("left_shoulder"), 2] = -1.0 + 0.4 * phase.sin()
    pose[:, BODY_JOINTS.index("right_shoulder"), 2] = 1.0 - 0.4 * (phase + 1).sin()
    pose[:, BODY_JOINTS.index("left_elbow"), 1] = -0.6 - 0.4 * (2 * phase).cos()
    pose[:, BODY_JOINTS.index("right_elbow"), 1] = 0.6 + 0.4 * (2 * phase).sin()
    pose[:, BODY_JOINTS.index("spine3"), 1] = 0.2 * phase.cos()
    generator = torch.Generator().manual_seed(0)
    return Motion.rest(
        frames,
        25.0,
        body_pose=pose.flatten(1),
        transl=torch.randn(frames, 3, generator=generator),
        global_orient=0.3 * torch.randn(frames, 3, generator=generator),
        left_hand_pose=0.1 * torch.randn(frames, 45, generator=generator),
        jaw_pose=0.1 * torch.rand(frames, 3, generator=generator),
        expression=torch.rand(frames, 52, generator=generator),
    )
