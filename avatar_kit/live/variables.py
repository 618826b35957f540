"""The unknowns of one frame: which joints turn, about which axes, and what holds them.

A pose has 51 joints that landmarks can see and most of their 153 angles are not told apart by 65
points. Joints in a row share one rotation (spine, neck), hinges keep their axis, and what is left
is a vector of ``n`` angles. Every angle of a pose belongs to one unknown at most, so prior, limits
and smoothness are diagonal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from avatar_kit.scene.joints import SMPLX_JOINTS
from avatar_kit.tracking.limits import Limits, body_limits, hand_limits
from avatar_kit.tracking.objective import Weights

#: Joints that turn together (a side is filled in), and the axes they turn about.
_TRUNK: tuple[tuple[tuple[str, ...], str], ...] = (
    (("spine1", "spine2", "spine3"), "xyz"),
    (("neck", "head"), "xyz"),
)
_LIMBS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("{}_collar",), "yz"),
    (("{}_shoulder",), "xyz"),
    (("{}_elbow",), "xy"),
    (("{}_wrist",), "xyz"),
    (("{}_hip",), "xyz"),
    (("{}_knee",), "x"),
    (("{}_ankle",), "xy"),
)
_FINGERS = tuple(
    ((f"{{}}_{finger}{place}",), "yz" if place == 1 else "z")
    for finger in ("index", "middle", "pinky", "ring")
    for place in (1, 2, 3)
) + tuple(((f"{{}}_thumb{place}",), "xyz") for place in (1, 2, 3))

#: First angle of body and of hands in a flat pose of 55 joints.
_BODY_ANGLES, _HAND_ANGLES = slice(3, 66), slice(75, 165)


@dataclass(frozen=True)
class Unknowns:
    """n angles and how they make a pose of 55 joints (165 angles, radians).

    Attributes:
        column: [165] the unknown that turns an angle; -1 for none.
        share: [165] how much of it.
        base: [165] what angles without an unknown are.
        low: [165] least angle.
        high: [165] largest angle.
        liked: [n] where the prior pulls.
        prior: [n] how hard.
        hand: [n] -1 for the body, 0 for the left hand with its wrist, 1 for the right.
    """

    column: np.ndarray
    share: np.ndarray
    base: np.ndarray
    low: np.ndarray
    high: np.ndarray
    liked: np.ndarray
    prior: np.ndarray
    hand: np.ndarray

    @classmethod
    def of(cls, weights: Weights) -> Unknowns:
        """The unknowns under the limits and preferences of the fit."""
        column = np.full(165, -1)
        share = np.zeros(165, np.float32)
        hand: list[int] = []
        for joints, axes, side in _groups():
            for axis in axes:
                for joint in joints:
                    angle = 3 * SMPLX_JOINTS.index(joint) + "xyz".index(axis)
                    column[angle], share[angle] = len(hand), 1 / len(joints)
                hand.append(side)
        low, high, liked, pull = _preferences(weights)
        base = np.where(column < 0, liked, 0.0)
        base[_neither_body_nor_hand()] = 0.0
        prior = _per_unknown(column, pull * share**2, len(hand))
        wanted = _per_unknown(column, pull * share * liked, len(hand)) / np.maximum(prior, 1e-9)
        return cls(column, share, base.astype(np.float32), low, high, wanted, prior, np.array(hand))

    @property
    def count(self) -> int:
        """N."""
        return len(self.liked)

    def pose(self, angles: np.ndarray) -> np.ndarray:
        """[..., 165] pose of [..., n] unknowns."""
        return self.base + self.share * angles[..., self.column]

    def beyond(self, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How far unknowns [n] are outside the limits.

        Returns:
            [n] half the gradient of the summed squares of what is beyond, and [n] half the second
            derivative.
        """
        pose = self.pose(angles)
        off = np.maximum(pose - self.high, 0) - np.maximum(self.low - pose, 0)
        slope = _per_unknown(self.column, self.share * off, self.count)
        return slope, _per_unknown(self.column, self.share**2 * (off != 0), self.count)

    def nearest(self, pose: np.ndarray) -> np.ndarray:
        """[n] unknowns whose pose is nearest to a pose [165]."""
        scale = _per_unknown(self.column, self.share**2, self.count)
        return _per_unknown(self.column, self.share * (pose - self.base), self.count) / scale


def _groups() -> Iterator[tuple[tuple[str, ...], str, int]]:
    """Joints that turn together, their axes, and the hand they belong to."""
    for joints, axes in _TRUNK:
        yield joints, axes, -1
    for number, side in enumerate(("left", "right")):
        for joints, axes in _LIMBS + _FINGERS:
            named = tuple(joint.format(side) for joint in joints)
            of_hand = "wrist" in named[0] or (joints, axes) in _FINGERS
            yield named, axes, number if of_hand else -1


def _per_unknown(column: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    used = column >= 0
    return np.bincount(column[used], values[used], count).astype(np.float32)


def _preferences(weights: Weights) -> tuple[np.ndarray, ...]:
    """Low, high, liked and pull of 165 angles."""
    found = [np.zeros(165, np.float32) for _ in range(4)]
    found[0] -= np.inf
    found[1] += np.inf

    def fill(where: slice, limits: Limits, weight: float) -> None:
        pull = weight * limits.weight.expand(-1, 3)
        values = (limits.low, limits.high, limits.liked, pull)
        for target, value in zip(found, values, strict=True):
            target[where] = torch.flatten(value).numpy()

    fill(_BODY_ANGLES, body_limits(), weights.prior)
    fill(_HAND_ANGLES, hand_limits(), weights.hand_prior)
    return tuple(found)


def _neither_body_nor_hand() -> np.ndarray:
    rest = np.ones(165, bool)
    rest[_BODY_ANGLES] = rest[_HAND_ANGLES] = False
    return rest
