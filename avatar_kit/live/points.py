"""Key points of any body and their derivatives, by finite differences in one batch.

Unknowns that move disjoint key points are changed together: the left thigh, the right upper arm and
the head share a row of the batch. Which points an unknown moves is found once, from the body
itself, so that nothing here knows its skeleton.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from avatar_kit.interfaces import Body
from avatar_kit.live.variables import Unknowns
from avatar_kit.scene import Motion

#: Step of the finite differences in radians: the square root of float32's precision, and some.
STEP_RADIANS = 4e-3
#: A point that moves less than this, in metres per radian, is not moved.
_MOVED = 2e-3
#: Poses at which it is looked for what moves.
_LOOKED_AT = 3


class KeypointModel:
    """Key points of one person about the pelvis, world axes, the pelvis not turned.

    Args:
        body: Any body, on the CPU.
        shape: [S] the person.
        unknowns: What moves.
    """

    def __init__(self, body: Body, shape: Tensor, unknowns: Unknowns):
        self.body, self.shape, self.unknowns = body, shape, unknowns
        self._moves, self._row = self._pattern()
        self._rows = int(self._row.max()) + 1
        self._steps = np.zeros((self._rows + 1, unknowns.count), np.float32)
        self._steps[1 + self._row, np.arange(unknowns.count)] = STEP_RADIANS

    def __call__(self, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Key points and what moves them.

        Args:
            angles: [n] unknowns.

        Returns:
            [65, 3] metres, and their derivatives [65, 3, n] in metres per radian.
        """
        points = self.points(angles + self._steps)
        change = (points[1:] - points[0]) / STEP_RADIANS
        slopes = change[self._row] * self._moves[:, :, None]
        return points[0], np.ascontiguousarray(slopes.transpose(1, 2, 0))

    @torch.inference_mode()
    def points(self, angles: np.ndarray) -> np.ndarray:
        """[B, 65, 3] key points of [B, n] unknowns, metres from the pelvis."""
        pose = torch.from_numpy(self.unknowns.pose(angles))
        zeros = torch.zeros(len(pose), 52)
        motion = Motion.from_rotvec(
            30.0, zeros[:, :3], pose.unflatten(1, (55, 3)), zeros, zeros[:, 0]
        )
        return self.body.keypoints(self.body.from_motion(motion, self.shape)).numpy()

    def _pattern(self) -> tuple[np.ndarray, np.ndarray]:
        """Which points each unknown moves [n, 65], and the row of the batch it is changed in."""
        count = self.unknowns.count
        rng = np.random.default_rng(0)
        moves = np.zeros((count, 65), bool)
        for _ in range(_LOOKED_AT):
            at = (self.unknowns.liked + rng.normal(0, 0.3, count)).astype(np.float32)
            steps = np.concatenate([np.zeros((1, count)), STEP_RADIANS * np.eye(count)])
            points = self.points(at + steps.astype(np.float32))
            apart = np.linalg.norm(points[1:] - points[0], axis=-1) / STEP_RADIANS
            moves |= apart > _MOVED
        return moves, _disjoint_rows(moves)


def _disjoint_rows(moves: np.ndarray) -> np.ndarray:
    """[n] a row for each unknown, so that those of one row move no common point; greedy."""
    taken: list[np.ndarray] = []
    rows = np.zeros(len(moves), int)
    for unknown in np.argsort(-moves.sum(1), kind="stable"):
        free = [r for r, used in enumerate(taken) if not (used & moves[unknown]).any()]
        rows[unknown] = free[0] if free else len(taken)
        if free:
            taken[free[0]] |= moves[unknown]
        else:
            taken.append(moves[unknown].copy())
    return rows
