"""The empty scene, where a capture has no plate of it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PIL import Image

#: Masks above this count as the person.
_VISIBLE = 12


def estimate_plate(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """The mean of what the person does not hide; what is always hidden is filled from around it.

    Args:
        pairs: Pictures [3, H, W] and masks [H, W], uint8; at least one pair.

    Returns:
        [3, H, W] uint8.
    """
    total, seen = None, None
    for image, mask in pairs:
        free = (mask <= _VISIBLE).astype(np.float64)
        total = image * free if total is None else total + image * free
        seen = free if seen is None else seen + free
    if total is None or seen is None:
        raise ValueError("no picture to estimate a plate from")
    return np.rint(fill_holes(total, seen)).clip(0, 255).astype(np.uint8)


def fill_holes(total: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Mean where there is weight; elsewhere the mean of the smallest surrounding blocks that have.

    Args:
        total: [C, H, W] weighted sums.
        weight: [H, W] weights, not negative.

    Returns:
        [C, H, W]; zero if there is no weight at all.
    """
    mean = total / np.maximum(weight, 1e-9)
    if weight.all() or weight.shape == (1, 1):
        return mean * (weight > 0)
    height, width = weight.shape
    pad = [(0, height % 2), (0, width % 2)]
    coarse_weight = _halve(np.pad(weight, pad))
    coarse_total = _halve(np.pad(total, [(0, 0), *pad]))
    coarse = fill_holes(coarse_total, coarse_weight)
    fine = np.stack([_enlarge(channel, height, width) for channel in coarse])
    return np.where(weight > 0, mean, fine)


def _halve(x: np.ndarray) -> np.ndarray:
    """Sums of 2 x 2 blocks."""
    return x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]


def _enlarge(channel: np.ndarray, height: int, width: int) -> np.ndarray:
    even = (2 * channel.shape[1], 2 * channel.shape[0])
    large = Image.fromarray(channel.astype(np.float32)).resize(even, Image.Resampling.BILINEAR)
    return np.asarray(large)[:height, :width]
