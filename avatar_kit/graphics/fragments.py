"""What a rasteriser finds in every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor


@dataclass(frozen=True)
class Fragments:
    """The surface seen through every pixel of B pictures.

    Attributes:
        triangle: [B, H, W] int64 index of the triangle; -1 where there is none.
        barycentrics: [B, H, W, 3] perspective-correct weights of the triangle's corners; 0 in
            the background.
        depth: [B, H, W] camera z in metres; 0 in the background.
    """

    triangle: Tensor
    barycentrics: Tensor
    depth: Tensor

    @cached_property
    def mask(self) -> Tensor:
        """[B, 1, H, W] 1 where there is a surface, 0 elsewhere."""
        return (self.triangle >= 0)[:, None].to(self.depth.dtype)

    @cached_property
    def covered(self) -> Tensor:
        """[N] int64 indices of the covered pixels in the flattened [B * H * W]."""
        return (self.triangle.reshape(-1) >= 0).nonzero()[:, 0]
