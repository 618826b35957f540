"""The values that a body's shape may take, and free numbers that an optimiser moves instead."""

from __future__ import annotations

import math

import torch
from torch import Tensor

#: Width of what is usual where values are unbounded: three standard deviations on either side.
_USUAL_WIDTH = 6.0


class ShapeRange:
    """Values between two limits behind a sigmoid; unbounded values as they are.

    Args:
        limits: Lowest and highest value of a body (``Body.shape_limits``): both finite, or both
            infinite.
    """

    def __init__(self, limits: tuple[float, float]):
        self.low, self.high = limits
        self.bounded = math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def width(self) -> float:
        """How far apart unlike persons are."""
        return self.high - self.low if self.bounded else _USUAL_WIDTH

    def inside(self, values: Tensor, edge: float = 0.02) -> Tensor:
        """The values, not nearer to a limit than a share of the width."""
        if not self.bounded:
            return values
        room = edge * self.width
        return values.clamp(self.low + room, self.high - room)

    def free(self, values: Tensor, edge: float = 0.02) -> Tensor:
        """Free numbers that stand for values."""
        if not self.bounded:
            return values.clone()
        return torch.logit((self.inside(values, edge) - self.low) / self.width)

    def values(self, free: Tensor) -> Tensor:
        """The inverse of :meth:`free`. Differentiable."""
        return self.low + self.width * torch.sigmoid(free) if self.bounded else free
