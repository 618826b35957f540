"""How far human joints turn and what they rather do, in the SMPL-X joint convention.

Zero is the T-pose: arms along +-x with the palms down, facing +z. Left elbows flex about -y, right
ones about +y, knees about +x; thighs lift about -x and spread about +z (left) or -z (right);
fingers flex about -z (left) or +z (right). Axis-angle components in radians.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from avatar_kit.scene.joints import BODY_JOINTS

_Range = tuple[float, float]

#: Joint (without its side) -> range about x, y, z for the left side, and the weight of its prior.
_BODY_RANGES: dict[str, tuple[_Range, _Range, _Range, float]] = {
    "hip": ((-2.2, 0.8), (-0.9, 0.9), (-0.6, 1.3), 0.5),
    "knee": ((0.0, 2.6), (-0.15, 0.15), (-0.1, 0.1), 0.5),
    "ankle": ((-0.6, 0.9), (-0.5, 0.5), (-0.4, 0.4), 1.0),
    "foot": ((-0.1, 0.1), (-0.1, 0.1), (-0.1, 0.1), 5.0),
    "spine1": ((-0.4, 0.7), (-0.4, 0.4), (-0.4, 0.4), 3.0),
    "spine2": ((-0.3, 0.5), (-0.4, 0.4), (-0.3, 0.3), 3.0),
    "spine3": ((-0.3, 0.4), (-0.4, 0.4), (-0.3, 0.3), 3.0),
    "neck": ((-0.6, 0.8), (-0.8, 0.8), (-0.5, 0.5), 2.0),
    "head": ((-0.5, 0.5), (-0.8, 0.8), (-0.5, 0.5), 2.0),
    "collar": ((-0.2, 0.2), (-0.5, 0.3), (-0.2, 0.6), 4.0),
    "shoulder": ((-1.6, 1.6), (-2.3, 1.2), (-1.9, 1.6), 0.3),
    "elbow": ((-1.4, 1.4), (-2.6, 0.0), (-0.1, 0.1), 0.5),
    "wrist": ((-1.0, 1.0), (-0.5, 0.5), (-1.2, 1.2), 1.5),
}

#: Where a joint likes to be, left side; zero unless it is named here.
_LIKED_ANGLES = {"shoulder": (0.0, 0.0, -0.9), "elbow": (0.0, -0.25, 0.0), "knee": (0.1, 0.0, 0.0)}

#: Finger joint 1, 2, 3 -> ranges about x, y, z for the left side.
_FINGER_RANGES: tuple[tuple[_Range, _Range, _Range], ...] = (
    ((-0.1, 0.1), (-0.35, 0.35), (-1.6, 0.3)),
    ((-0.05, 0.05), (-0.05, 0.05), (-1.8, 0.1)),
    ((-0.05, 0.05), (-0.05, 0.05), (-1.4, 0.1)),
)
_THUMB_RANGES: tuple[_Range, _Range, _Range] = ((-0.8, 0.8), (-0.8, 0.8), (-0.8, 0.8))
#: About z: how far the first joint of a relaxed left finger is bent.
_RELAXED_FINGER_RADIANS = -0.25


@dataclass(frozen=True)
class Limits:
    """Ranges and preferences of N joints.

    Attributes:
        low: [N, 3] radians.
        high: [N, 3] radians.
        liked: [N, 3] radians.
        weight: [N, 1] of the pull towards ``liked``.
    """

    low: Tensor
    high: Tensor
    liked: Tensor
    weight: Tensor

    def beyond(self, pose: Tensor) -> Tensor:
        """[..., N, 3] how far a pose is outside the ranges, radians."""
        return (pose - self.high).relu() + (self.low - pose).relu()

    def dislike(self, pose: Tensor) -> Tensor:
        """[..., N, 3] weighted squared distance from what is liked."""
        return self.weight * (pose - self.liked).square()


def _mirrored(ranges) -> list[_Range]:
    """The right side's ranges: rotations about y and z change their sign."""
    x, y, z = ranges
    return [x, (-y[1], -y[0]), (-z[1], -z[0])]


def body_limits() -> Limits:
    """Of the 21 ``BODY_JOINTS``."""
    ranges, liked, weights = [], [], []
    for name in BODY_JOINTS:
        side, _, part = name.rpartition("_")
        x, y, z, weight = _BODY_RANGES[part]
        a, b, c = _LIKED_ANGLES.get(part, (0.0, 0.0, 0.0))
        right = side == "right"
        ranges.append(_mirrored((x, y, z)) if right else [x, y, z])
        liked.append((a, -b, -c) if right else (a, b, c))
        weights.append([weight])
    bounds = torch.tensor(ranges)
    return Limits(bounds[..., 0], bounds[..., 1], torch.tensor(liked), torch.tensor(weights))


def hand_limits() -> Limits:
    """Of 2 x 15 finger joints, left then right: index, middle, pinky, ring, thumb."""
    left = [list(joint) for _ in range(4) for joint in _FINGER_RANGES] + [list(_THUMB_RANGES)] * 3
    right = [_mirrored(joint) for joint in left]
    bounds = torch.tensor(left + right)
    liked = torch.zeros(30, 3)
    liked[:12, 2], liked[15:27, 2] = _RELAXED_FINGER_RADIANS, -_RELAXED_FINGER_RADIANS
    return Limits(bounds[..., 0], bounds[..., 1], liked, torch.ones(30, 1))
