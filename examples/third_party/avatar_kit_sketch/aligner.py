"""Smoothing over time."""

from __future__ import annotations

from dataclasses import replace

import roma
from torch import Tensor

from avatar_kit.interfaces import Aligner
from avatar_kit.scene import Motion
from avatar_kit_sketch.config import CalmConfig

_SMOOTHED = ("body_pose", "left_hand_pose", "right_hand_pose")


class Calm(Aligner):
    """Every joint turns part of the way from where it was to where it should be.

    What a stream remembers is the last frame that was given out, and nothing else.
    """

    config: CalmConfig
    changes = _SMOOTHED
    history = 1

    def step(self, frame: Motion, state: Motion | None) -> tuple[Motion, Motion]:
        """One frame; the state is the frame before, as it was aligned."""
        if state is None:
            return frame, frame
        share = 1 - 0.5 ** (1 / (frame.fps * self.config.half_life))
        turned = {n: _between(getattr(state, n), getattr(frame, n), share) for n in _SMOOTHED}
        aligned = replace(frame, **turned)
        return aligned, aligned


def _between(start: Tensor, end: Tensor, share: float) -> Tensor:
    """Axis-angle [1, 3 J] that lies ``share`` of the way along the shortest arc."""
    a, b = (roma.rotvec_to_unitquat(v.unflatten(-1, (-1, 3))) for v in (start, end))
    turn = roma.quat_product(roma.quat_conjugation(a), b)
    part = roma.rotvec_to_unitquat(share * roma.unitquat_to_rotvec(turn, shortest_arc=True))
    return roma.unitquat_to_rotvec(roma.quat_product(a, part)).flatten(-2)
