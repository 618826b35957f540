"""Soft light from all around: real spherical harmonics of a normal."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def harmonics(directions: Tensor) -> Tensor:
    """Bands 1 and 2 of the real spherical harmonics, scaled to at most one.

    The first band alone shades from side to side, the second from poles to equator (Ramamoorthi
    and Hanrahan, 2001: nine numbers hold 99 % of what a matt surface shows of its surroundings).

    Args:
        directions: [..., 3] unit vectors.

    Returns:
        [..., 8].
    """
    x, y, z = directions.unbind(-1)
    return torch.stack(
        [x, y, z, x * y, y * z, x * z, 0.5 * (3 * z * z - 1), (x * x - y * y) / math.sqrt(2)],
        dim=-1,
    )
