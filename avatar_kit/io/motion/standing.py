"""Somebody who stands with hanging arms, for files of a face or of hands alone."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from avatar_kit.scene import Motion
from avatar_kit.scene.joints import BODY_JOINTS

#: The left upper arm, radians about z.
_HANGING = -1.2


def standing_body(frames: int) -> Tensor:
    """[T, 21, 3] axis-angle of the joints of the body."""
    body = torch.zeros(frames, len(BODY_JOINTS), 3)
    body[:, BODY_JOINTS.index("left_shoulder"), 2] = _HANGING
    body[:, BODY_JOINTS.index("right_shoulder"), 2] = -_HANGING
    return body


def standing(fps: float, frames: int, fields: Mapping[str, Tensor]) -> Motion:
    """A motion in which nothing but some fields moves.

    Args:
        fps: Frames per second.
        frames: T.
        fields: Fields of a motion, [T, width] each.
    """
    values = {"body_pose": standing_body(frames).flatten(1), **fields}
    return Motion.rest(frames, fps, **values)
