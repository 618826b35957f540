"""Motions that the checks pose bodies with."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from avatar_kit.scene import Motion
from avatar_kit.scene.joints import ARKIT_CHANNELS
from avatar_kit.scene.motion import FIELDS

#: How far a joint is turned at most in a random pose, radians: within what people can do.
_LIMITS = {
    "global_orient": 1.5,
    "body_pose": 0.7,
    "left_hand_pose": 0.6,
    "right_hand_pose": 0.6,
    "leye_pose": 0.3,
    "reye_pose": 0.3,
}


def random_motion(frames: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Motion:
    """Poses drawn evenly from balls of :data:`_LIMITS`, expressions from [0, 1]; jaw at rest."""
    draw = torch.Generator().manual_seed(seed)
    fields: dict[str, Tensor] = {
        "transl": torch.randn(frames, 3, generator=draw),
        "expression": torch.rand(frames, 52, generator=draw),
    }
    for name, limit in _LIMITS.items():
        joints = FIELDS[name][0] // 3
        axis = torch.nn.functional.normalize(torch.randn(frames, joints, 3, generator=draw), dim=-1)
        angle = limit * torch.rand(frames, joints, 1, generator=draw)
        fields[name] = (axis * angle).flatten(1)
    return cast(Motion.rest(frames, 25.0, **fields), dtype)


def swaying_motion(frames: int) -> Motion:
    """A person standing on the floor: arms swing, the torso turns, fingers bend, a mouth opens."""
    phase = torch.arange(frames) * 0.5
    body_pose = torch.zeros(frames, 21, 3)
    body_pose[:, 15, 2] = -1.1 + 0.3 * phase.sin()  # left shoulder, down from the T-pose
    body_pose[:, 16, 2] = 1.1 - 0.3 * phase.cos()  # right shoulder
    body_pose[:, 8, 1] = 0.3 * phase.sin()  # spine
    hands = torch.zeros(frames, 15, 3)
    hands[:, :12, 2] = -0.4 + 0.3 * phase.sin()[:, None]
    expression = torch.zeros(frames, 52)
    expression[:, ARKIT_CHANNELS.index("jawOpen")] = 0.3 + 0.3 * phase.sin()
    return Motion.rest(
        frames,
        25.0,
        transl=torch.tensor([0.0, 0.95, 0.0]).repeat(frames, 1),
        body_pose=body_pose.flatten(1),
        left_hand_pose=hands.flatten(1),
        right_hand_pose=-hands.flatten(1),
        expression=expression,
    )


def cast(motion: Motion, dtype: torch.dtype) -> Motion:
    """The same motion in another precision."""
    return replace(motion, **{name: getattr(motion, name).to(dtype) for name in FIELDS})
