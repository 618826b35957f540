"""Principal axes of a set of poses."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class PrincipalAxes:
    """The directions in which points spread the most.

    Attributes:
        mean: [D].
        axes: [K, D] orthonormal rows.
        deviations: [K] standard deviation along each axis, falling, positive.
    """

    mean: Tensor
    axes: Tensor
    deviations: Tensor

    @classmethod
    def of(cls, points: Tensor, share: float, most: int | None = None) -> PrincipalAxes:
        """The fewest axes that explain a share of the variance.

        Args:
            points: [N, D].
            share: In (0, 1].
            most: Axes at most.
        """
        mean = points.mean(0)
        _, spread, axes = torch.linalg.svd(points - mean, full_matrices=False)
        # directions without any spread are rounding, not axes
        real = int(
            (spread > 1e-6 * max(float(points.abs().max()), 1e-12) * len(points) ** 0.5).sum()
        )
        variance = spread[:real].square()
        explained = variance.cumsum(0) / variance.sum()
        count = min(real, int((explained < share - 1e-12).sum()) + 1, most or real)
        deviations = spread[:count] / max(1, len(points) - 1) ** 0.5
        return cls(mean, axes[:count], deviations)

    def coordinates(self, points: Tensor) -> Tensor:
        """[..., K] of points [..., D], in standard deviations from the mean."""
        return (points - self.mean) @ self.axes.mT / self.deviations

    def points(self, coordinates: Tensor) -> Tensor:
        """[..., D]: the inverse of :meth:`coordinates` within the axes."""
        return self.mean + (coordinates * self.deviations) @ self.axes
