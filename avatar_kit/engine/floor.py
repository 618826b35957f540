"""Where the person stands."""

from __future__ import annotations

import torch
from torch import Tensor

from avatar_kit.interfaces import Body
from avatar_kit.scene import Motion

#: Frames of a motion at most that the floor is looked for in.
_LOOKED_AT = 200

#: Share of the frames that lie lower than the floor: they are noise; higher ones are jumps.
_LOWER = 0.05


@torch.no_grad()
def lowest_points(body: Body, shape: Tensor, motion: Motion) -> Tensor:
    """[T] height of the lowest key point of a person [S] in each frame, metres."""
    heights = []
    for first in range(0, len(motion), 256):
        parameters = body.from_motion(motion[first : first + 256].to(shape.device), shape)
        heights.append(body.keypoints(parameters)[..., 1].amin(1).cpu())
    return torch.cat(heights)


def floor_height(body: Body, shape: Tensor, motion: Motion) -> float:
    """Height of the floor that a person [S] stands on in a motion, metres."""
    some = torch.linspace(0, len(motion) - 1, min(_LOOKED_AT, len(motion))).long()
    return float(lowest_points(body, shape, motion[some]).quantile(_LOWER))


def standing_place(body: Body, shape: Tensor, motion: Motion) -> tuple[float, float, float]:
    """The point of the floor that the person is mostly above: x, y, z in metres."""
    x, _, z = motion.transl.median(dim=0).values.tolist()
    return x, floor_height(body, shape, motion), z
