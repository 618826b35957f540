"""Residuals of one frame and their derivatives: how a pose disagrees with what was seen.

The terms are those of the fit of a whole video (:mod:`avatar_kit.tracking.objective`), written as
squares: robust losses by the weight that makes their gradient the same, ``1 - cos`` of two unit
vectors as half the square of their difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar_kit.live.observation import (
    HAND_ENDS,
    HAND_STARTS,
    LINE_ENDS,
    LINE_STARTS,
    MAIN_JOINTS,
    Observation,
)
from avatar_kit.scene import Camera
from avatar_kit.tracking.objective import Weights

#: No point is nearer to the camera than this, metres.
_NEAREST = 0.2


@dataclass(frozen=True)
class Lens:
    """A camera as numpy arrays: intrinsics [3, 3], rotation [3, 3] and translation [3]."""

    K: np.ndarray
    R: np.ndarray
    t: np.ndarray

    @classmethod
    def of(cls, camera: Camera) -> Lens:
        """The one camera of a batch."""
        return cls(*(getattr(camera, name)[0].cpu().float().numpy() for name in ("K", "R", "t")))

    def project(self, points: np.ndarray, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels [N, 2] of points [N, 3], and their derivatives [N, 2, n] of [N, 3, n]."""
        x = points @ self.R.T + self.t
        depth = np.maximum(x[:, 2], _NEAREST)
        flat = x[:, :2] / depth[:, None]
        focal = self.K[:2, :2]
        pixels = flat @ focal.T + self.K[:2, 2]
        to_pixel = np.concatenate([np.eye(2)[None].repeat(len(x), 0), -flat[:, :, None]], 2)
        chain = (focal @ to_pixel @ self.R) / depth[:, None, None]
        return pixels, chain.astype(np.float32) @ slopes


@dataclass
class Normal:
    """Normal equations of a sum of squares: ``(J^T J) step = -J^T r``.

    Attributes:
        matrix: [n, n] J^T J.
        gradient: [n] J^T r.
    """

    matrix: np.ndarray
    gradient: np.ndarray

    @classmethod
    def of(cls, rows: list[tuple[np.ndarray, np.ndarray]]) -> Normal:
        """From residuals [m] and their derivatives [m, n]."""
        residual = np.concatenate([r for r, _ in rows])
        slope = np.concatenate([j for _, j in rows])
        return cls(slope.T @ slope, slope.T @ residual)

    def add(self, at: slice, curvature: np.ndarray, slope: np.ndarray | float) -> None:
        """Add diagonal terms: half their second derivatives and half their gradients."""
        where = np.arange(at.start, at.stop)
        self.matrix[where, where] += curvature
        self.gradient[at] += slope


@dataclass(frozen=True)
class Evidence:
    """What a frame says of a pose.

    Attributes:
        normal: Equations of a step.
        off: [k, 2] of the believed main joints from their landmarks, over the height.
        moves: [k, 2, n] what moves them.
    """

    normal: Normal
    off: np.ndarray
    moves: np.ndarray

    def error_after(self, step: np.ndarray) -> float:
        """Mean distance after a step [n], to first order; NaN where no joint is believed."""
        if not len(self.off):
            return float("nan")
        return float(np.linalg.norm(self.off + self.moves @ step, axis=-1).mean())


def evidence(
    points: np.ndarray,
    slopes: np.ndarray,
    seen: Observation,
    lens: Lens,
    height: float,
    weights: Weights,
) -> Evidence:
    """Normal equations of all that was seen.

    Args:
        points: [65, 3] key points in the world, metres.
        slopes: [65, 3, n] their derivatives.
        seen: The frame.
        lens: The camera.
        height: Of the standing person at this distance, pixels.
        weights: Of the terms.
    """
    pixels, moves = lens.project(points, slopes)
    off = (pixels[:23] - seen.points) / height
    moves = moves / np.float32(height)
    rows = [_robust(off, moves[:23], weights.points * seen.weight, weights.sigma)]
    rows.append(
        _lines(points, slopes, LINE_STARTS, LINE_ENDS, seen.lines,
               weights.directions * seen.line_weight)
    )  # fmt: skip
    for side in (0, 1):
        if seen.hand_weight[side] <= 0:
            continue
        first = 23 + 21 * side
        hand = slice(first + 1, first + 21)
        spread = (pixels[hand] - pixels[first] - seen.hands[side, 1:]) / height
        sure = np.full(20, seen.hand_weight[side])
        rows.append(
            _robust(spread, moves[hand] - moves[first], weights.hands * sure, weights.hand_sigma)
        )
        rows.append(
            _lines(points, slopes, first + HAND_STARTS, first + HAND_ENDS, seen.hand_lines[side],
                   np.full(len(HAND_STARTS), weights.hand_directions * seen.hand_weight[side]))
        )  # fmt: skip
    believed = MAIN_JOINTS[seen.sure[MAIN_JOINTS] > 0.5]
    return Evidence(Normal.of(rows), off[believed], moves[believed])


def _robust(off: np.ndarray, moves: np.ndarray, weight: np.ndarray, sigma: float):
    """Rows of Geman and McClure's loss of distances: ``off`` [N, 2], ``moves`` [N, 2, n]."""
    squared = (off * off).sum(-1)
    root = np.sqrt(weight) * (sigma**2 / (squared + sigma**2))
    root = root.astype(np.float32)[:, None]
    return (root * off).ravel(), (root[:, :, None] * moves).reshape(-1, moves.shape[-1])


def _lines(points, slopes, starts, ends, wanted, weight):
    """Rows of ``weight (1 - cos)`` of the lines between points and wanted unit directions."""
    line = points[ends] - points[starts]
    length = np.maximum(np.linalg.norm(line, axis=-1, keepdims=True), 1e-6)
    unit = line / length
    change = (slopes[ends] - slopes[starts]) / length[:, :, None]
    change -= unit[:, :, None] * np.einsum("la,lan->ln", unit, change)[:, None]
    root = np.sqrt(weight / 2).astype(np.float32)[:, None]
    return (root * (unit - wanted)).ravel(), (root[:, :, None] * change).reshape(
        -1, change.shape[-1]
    )
