"""Structural similarity of pictures, as a loss."""

from __future__ import annotations

import torch
from torch import Tensor

from avatar_kit.nn.averages import averaged

#: Window of the structural similarity (Wang et al., 2004): 11 x 11 pixels.
_SIGMA, _REACH = 1.5, 5


def structural_similarity(a: Tensor, b: Tensor) -> Tensor:
    """Mean SSIM of pictures [B, C, H, W] in [0, 1], borders included."""
    stacked = torch.stack([a, b, a * a, b * b, a * b])
    mean_a, mean_b, square_a, square_b, product = averaged(stacked, _SIGMA, _REACH)
    spread_a, spread_b = square_a - mean_a.square(), square_b - mean_b.square()
    together = product - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a.square() + mean_b.square() + c1)
    structure = (2 * together + c2) / (spread_a + spread_b + c2)
    return (luminance * structure).mean()
