"""When feet stand on the floor, and whether they slide there."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from avatar_kit.scene import Motion
from avatar_kit.scene.joints import SMPLX_JOINTS
from avatar_kit.scene.skeleton import body_positions

#: Joints of the feet: left and right ankle, left and right ball.
FEET = [
    SMPLX_JOINTS.index(name) for name in ("left_ankle", "right_ankle", "left_foot", "right_foot")
]

#: Metres over its lowest height, and metres a second upwards, below which a foot stands.
_LOW, _SLOW = 0.05, 0.3

#: Share of frames that lie lower than the lowest height: they are noise.
_NOISE = 0.05


@dataclass(frozen=True)
class Contacts:
    """What feet do.

    Attributes:
        heights: [T, 2] of the left and the right foot over their lowest height, metres.
        standing: [T, 2] bool.
        skating: Mean speed over the floor of feet that stand, metres a second; 0 if none does.
    """

    heights: Tensor
    standing: Tensor
    skating: float


def find_contacts(motion: Motion, offsets: Tensor | None = None) -> Contacts:
    """Contacts of the balls of the feet, on a skeleton of round figures.

    Args:
        motion: The motion.
        offsets: [21, 3] metres of another skeleton.
    """
    return contacts_of(body_positions(motion, offsets)[:, FEET[2:]], motion.fps)


def contacts_of(feet: Tensor, fps: float) -> Contacts:
    """Contacts of two points.

    Args:
        feet: [T, 2, 3] metres, y up.
        fps: Frames per second.
    """
    heights = feet[..., 1] - feet[..., 1].quantile(_NOISE)
    if len(feet) < 2:
        return Contacts(heights, heights < _LOW, 0.0)
    speed = feet.diff(dim=0) * fps
    speed = torch.cat([speed, speed[-1:]])
    standing = (heights < _LOW) & (speed[..., 1].abs() < _SLOW)
    over_floor = speed[..., [0, 2]].norm(dim=-1)
    skating = float(over_floor[standing].mean()) if bool(standing.any()) else 0.0
    return Contacts(heights, standing, skating)
