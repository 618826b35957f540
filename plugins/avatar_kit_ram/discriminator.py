"""The temporal-aware discriminator: judges a picture between its neighbours in time (section 3.1).

A wavelet discriminator (Gal et al., 2021, "SWAGAN"): pictures enter as Haar bands, and again at
every coarser level. Built of plain torch operations, so that it can be differentiated twice.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from avatar_kit_ram.equalized import EqualConv2d, EqualLinear
from avatar_kit_ram.fir import TAPS, downsample, fir_kernel
from avatar_kit_ram.style_unet import level_channels, level_sizes
from avatar_kit_ram.wavelet import haar_dwt, haar_iwt

#: Pictures whose spread is compared with one another.
GROUP = 4


class Discriminator(nn.Module):
    """Pictures to one number each: high for recorded ones, low for painted ones.

    Args:
        inputs: Channels of the pictures: 9 for three neighbours.
        height: Height in pixels, such as the StyleUNet accepts.
        width: Width in pixels.
        channel_multiplier: 2 in the paper's network, 1 in a light one.
        max_channels: Most channels of a level.

    Raises:
        UserError: The size cannot be halved down to 8 pixels.
    """

    kernel: Tensor

    def __init__(
        self,
        inputs: int,
        height: int,
        width: int,
        *,
        channel_multiplier: float = 2.0,
        max_channels: int = 512,
    ):
        super().__init__()
        sizes = level_sizes(height, width)
        if not any(side % 2 for side in sizes[-1]):
            sizes.append((sizes[-1][0] // 2, sizes[-1][1] // 2))
        # As released, the finest level has the channels of the whole picture's resolution.
        channels = level_channels([(height, width), *sizes[1:]], channel_multiplier, max_channels)
        last = channels[-1]
        self.register_buffer("kernel", fir_kernel(TAPS), persistent=False)
        self.enter = nn.ModuleList(EqualConv2d(4 * inputs, c, 1) for c in channels)
        self.blocks = nn.ModuleList(
            nn.Sequential(EqualConv2d(here, here, 3), EqualConv2d(here, below, 3, down=True))
            for here, below in pairwise(channels)
        )
        self.judge = EqualConv2d(last + 1, last, 3)
        self.dense = EqualLinear(last * sizes[-1][0] * sizes[-1][1], last, activate=True)
        self.score = EqualLinear(last, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """[B] scores (logits) of pictures [B, inputs, H, W], centred on zero."""
        bands = haar_dwt(pictures)
        x = self.enter[0](bands)
        for enter, block in zip(list(self.enter)[1:], self.blocks, strict=True):
            bands = haar_dwt(downsample(haar_iwt(bands), self.kernel))
            x = block(x) + enter(bands)
        x = self.judge(torch.cat([x, group_spread(x)], dim=1))
        return self.score(self.dense(x.flatten(1)))[:, 0]


def group_spread(x: Tensor, group: int = GROUP) -> Tensor:
    """How much the pictures of a group differ (Karras et al., 2018, section 3).

    Args:
        x: [B, C, H, W] features.
        group: Pictures in a group; the largest divisor of B up to it is taken.

    Returns:
        [B, 1, H, W] standard deviation over the group, averaged over everything else.
    """
    batch, _, height, width = x.shape
    size = next(n for n in range(min(group, batch), 0, -1) if batch % n == 0)
    variance = x.unflatten(0, (size, batch // size)).var(dim=0, unbiased=False)
    spread = (variance + 1e-8).sqrt().mean((1, 2, 3))
    return spread.repeat(size)[:, None, None, None].expand(-1, 1, height, width)
