"""Learned pictures as a sum of resolutions."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avatar_kit.nn import Kept


class Pyramid(nn.ParameterList):
    """A learned picture, the sum of levels of growing coarseness (Thies et al., 2019, section 3.1).

    The coarse levels learn quickly what neighbours share, and fill what training never shows. The
    channels of a texel lie next to each other in memory, as looking it up wants them.

    Args:
        channels: Channels of the picture.
        height: Height of the finest level.
        width: Width of the finest level.
        levels: Number of levels.
        step: How much smaller each level is than the one before.
        std: Standard deviation of every level to begin with.
    """

    def __init__(
        self, channels: int, height: int, width: int, *, levels: int, step: int = 2, std: float
    ):
        sizes = [(max(1, height // step**i), max(1, width // step**i)) for i in range(levels)]
        super().__init__(nn.Parameter(std * torch.randn(1, channels, *size)) for size in sizes)
        cast(Any, self).to(memory_format=torch.channels_last)  # torch 2.13 does not type it
        self._sum: Kept[Tensor] = Kept()

    def picture(self) -> Tensor:
        """[1, C, height, width] all levels together; summed anew only if one was written."""
        return self._sum(list(self), self._summed)

    def _summed(self) -> Tensor:
        *finer_levels, picture = self
        for finer in reversed(finer_levels):
            picture = finer + F.interpolate(
                picture, size=finer.shape[-2:], mode="bilinear", align_corners=False
            )
        return picture
