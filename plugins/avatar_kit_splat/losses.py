"""What `splat` compares, and what keeps its Gaussians in order."""

from __future__ import annotations

import torch
from torch import Tensor

from avatar_kit_splat.windows import averaged

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


def person_box(mask: Tensor, margin: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what masks [B, 1, H, W] show, with a margin, inside the picture.

    The whole picture where they show nothing.
    """
    height, width = mask.shape[-2:]
    shown = (mask > 0.05).amax((0, 1))
    rows, columns = shown.any(1).nonzero()[:, 0], shown.any(0).nonzero()[:, 0]
    if not len(rows):
        return 0, 0, width, height
    left, right = int(columns[0]) - margin, int(columns[-1]) + 1 + margin
    top, bottom = int(rows[0]) - margin, int(rows[-1]) + 1 + margin
    return max(left, 0), max(top, 0), min(right, width), min(bottom, height)
