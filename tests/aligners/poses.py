"""Motions for the tests of aligners."""

import math

import torch

from avatar_kit.interfaces import Asset
from avatar_kit.scene import Motion

BODY = Asset("someone", "ab" * 32, "none")
OTHER_BODY = Asset("someone else", "cd" * 32, "none")


def waving(frames: int, *, fps: float = 30.0, reach: float = 0.5, phase: float = 0.0) -> Motion:
    """Every joint swings about an axis of its own; hands, face and root move too."""
    generator = torch.Generator().manual_seed(7)
    axes = torch.nn.functional.normalize(torch.randn(21, 3, generator=generator), dim=-1)
    offsets = 2 * math.pi * torch.rand(21, generator=generator)
    time = torch.arange(frames)[:, None] / fps + phase
    angles = reach * (2 * math.pi * 0.5 * time + offsets).sin()
    moving = time.sin()
    return Motion.rest(
        frames,
        fps,
        body_pose=(angles[..., None] * axes).flatten(1),
        transl=moving.expand(-1, 3).clone(),
        global_orient=moving * torch.tensor([[0.0, 1.0, 0.0]]),
        left_hand_pose=0.2 * moving.expand(-1, 45),
        jaw_pose=0.1 * moving.expand(-1, 3),
        expression=moving.abs().expand(-1, 52).clone(),
    )
