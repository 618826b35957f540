"""What a rasteriser finds in every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
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
        """[N] int64 pixels to process, as indices into [B * H * W], ascending: the covered ones.

        On a GPU these are all pixels, because finding the covered ones would make the CPU wait. In
        the background ``triangle`` is -1 and all weights are 0.
        """
        return pixels_to_visit(self.triangle)

    @cached_property
    def visited(self) -> Tensor:
        """[N] int64 triangle of each pixel of ``covered``; 0 in the background."""
        return self.triangle.reshape(-1).index_select(0, self.covered).clamp(min=0)


def pixels_to_visit(triangle: Tensor) -> Tensor:
    """The covered pixels of [B, H, W] triangles where that is known without waiting, or all."""
    if triangle.device.type == "cpu":
        return (triangle.reshape(-1) >= 0).nonzero()[:, 0]
    return torch.arange(triangle.numel(), device=triangle.device)
