"""Text, logos and bars that lie over the person: burnt into the picture, or on the lens.

Their edges stay where they are, whether the person is behind them or not. Edges of the scene vanish
behind the person, and those of the person move with her.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import max_pool2d

from avatar_kit.tracking.watch import shrink

#: Grey levels per pixel of the small picture from which on a gradient is an edge.
EDGE_LEVELS = 6.0
#: Least part of the frames in which a pixel is behind the person, and in which it is not.
LEAST_SHARE = 0.06
#: Largest difference of an edge with and without the person, and how much it may vary over frames,
#: both over its strength.
MOST_CHANGE, MOST_SPREAD = 0.25, 0.35
#: Margin between the two, over the person's height: outlines are not exact.
MARGIN = 0.025


class BurntIn:
    """Collects where edges stay although the person comes before them.

    Args:
        height: Of the person, in pixels of the small picture.
    """

    def __init__(self, height: float):
        self._radius = max(1, round(MARGIN * height))
        self._frames = 0
        self._area = 0.0
        self._sums: list[_Sums] = []

    def add(self, image: np.ndarray, inside: np.ndarray) -> None:
        """Take in a frame.

        Args:
            image: [H, W, 3] uint8.
            inside: [h, w] bool, where the person is in the small picture of :func:`shrink`.
        """
        gradient = _gradient(shrink(image.mean(2).astype(np.uint8)).astype(np.float32))
        if not self._sums:
            self._sums = [_Sums(inside.shape), _Sums(inside.shape)]
        behind, beside = self._sums
        behind.add(gradient, ~_grown(~inside, self._radius))
        beside.add(gradient, ~_grown(inside, self._radius))
        self._frames += 1
        self._area += float(inside.sum())

    def share(self) -> float:
        """Pixels of edges that stay, over those of the person; 0 of fewer than eight frames."""
        if self._frames < 8 or not self._area:
            return 0.0
        behind, beside = self._sums
        least = max(4.0, LEAST_SHARE * self._frames)
        strength = np.linalg.norm(beside.mean(), axis=0)
        change = np.linalg.norm(behind.mean() - beside.mean(), axis=0)
        stays = (behind.count >= least) & (beside.count >= least) & (strength > EDGE_LEVELS)
        stays &= change < MOST_CHANGE * strength
        stays &= np.maximum(behind.spread(), beside.spread()) < MOST_SPREAD * strength
        return float(stays.sum()) / (self._area / self._frames)


class _Sums:
    """Mean and spread of the gradient at every pixel, over the frames in which it counts."""

    def __init__(self, shape: tuple[int, ...]):
        self.count = np.zeros(shape, dtype=np.float32)
        self._sum = np.zeros((2, *shape), dtype=np.float32)
        self._squares = np.zeros(shape, dtype=np.float32)

    def add(self, gradient: np.ndarray, counts: np.ndarray) -> None:
        self.count += counts
        self._sum += gradient * counts
        self._squares += np.square(gradient).sum(0) * counts

    def mean(self) -> np.ndarray:
        """[2, h, w]."""
        return self._sum / np.maximum(self.count, 1)

    def spread(self) -> np.ndarray:
        """[h, w] root of the mean squared distance from the mean."""
        squares = self._squares / np.maximum(self.count, 1)
        return np.sqrt(np.maximum(squares - np.square(self.mean()).sum(0), 0))


def _gradient(grey: np.ndarray) -> np.ndarray:
    """[2, h, w] differences of the neighbours along both axes; zero at the border."""
    found = np.zeros((2, *grey.shape), dtype=np.float32)
    found[0, 1:-1] = grey[2:] - grey[:-2]
    found[1, :, 1:-1] = grey[:, 2:] - grey[:, :-2]
    return found / 2


def _grown(mask: np.ndarray, radius: int) -> np.ndarray:
    return (
        max_pool2d(torch.from_numpy(mask)[None].float(), 2 * radius + 1, 1, radius)[0].numpy() > 0
    )
