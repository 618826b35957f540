"""Orthonormal two-dimensional Haar wavelets, one level."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def haar_dwt(x: Tensor) -> Tensor:
    """Split a picture into four bands of half the resolution.

    Args:
        x: [B, C, H, W], H and W even.

    Returns:
        [B, 4 C, H / 2, W / 2], band by band: LL (mean), LH (top minus bottom), HL (left minus
        right), HH (diagonal). The sum of squares is kept.
    """
    a, b = x[..., 0::2, 0::2], x[..., 0::2, 1::2]
    c, d = x[..., 1::2, 0::2], x[..., 1::2, 1::2]
    return torch.cat(_butterfly(a, b, c, d), dim=1)


def haar_iwt(bands: Tensor) -> Tensor:
    """The inverse of :func:`haar_dwt`: [B, 4 C, H, W] to [B, C, 2 H, 2 W]."""
    phases = torch.stack(_butterfly(*bands.chunk(4, dim=1)), dim=2)
    return F.pixel_shuffle(phases.flatten(1, 2), 2)


def haar_phases(channels: int) -> Tensor:
    """[4 C, 4 C] what turns bands into pixels: :func:`haar_iwt` is this and a pixel shuffle."""
    bands = torch.eye(4 * channels)[:, :, None, None]
    return F.pixel_unshuffle(haar_iwt(bands), 2)[:, :, 0, 0].T


def _butterfly(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> tuple[Tensor, ...]:
    """The 4 x 4 Haar matrix: symmetric and orthogonal, so it is its own inverse."""
    top, bottom, left, right = a + b, c + d, a - b, c - d
    return (top + bottom) / 2, (top - bottom) / 2, (left + right) / 2, (left - right) / 2
