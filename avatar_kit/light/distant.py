"""One distant light, and the floor it throws shadows on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class DistantLight:
    """A light so far away that its rays are parallel, above a level floor.

    Attributes:
        slope: [2] metres that a shadow moves along x and z per metre of height. Zero: straight
            above.
        floor: [] height of the floor in metres.
    """

    slope: Tensor
    floor: Tensor

    @property
    def direction(self) -> Tensor:
        """[3] unit vector towards the light."""
        towards = torch.stack([-self.slope[0], torch.ones_like(self.floor), -self.slope[1]])
        return towards / towards.norm()

    def on_floor(self, points: Tensor) -> Tensor:
        """[B, N, 3] where the shadows of points [B, N, 3] lie on the floor."""
        height = (points[..., 1] - self.floor).clamp(min=0)
        x = points[..., 0] + self.slope[0] * height
        z = points[..., 2] + self.slope[1] * height
        return torch.stack([x, self.floor.expand_as(x), z], dim=-1)
