"""The U-Net of both methods: pix2pix's encoder, a decoder that enlarges before it convolves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class UNet(nn.Module):
    """Picture to picture (Isola et al., 2017).

    Every level halves by a 4x4 convolution of stride 2. The decoder enlarges by the nearest
    neighbour and convolves, which leaves no checkerboard; it joins the encoder's map of that size,
    and at last the input itself.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output, which is linear.
        widths: Channels at 1/2, 1/4, ... of the picture.
        norm: "instance" or "none".
    """

    def __init__(self, inputs: int, outputs: int, widths: Sequence[int], norm: str = "instance"):
        super().__init__()
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()
        last = len(widths) - 1
        for level, width in enumerate(widths):
            before = widths[level - 1] if level else inputs
            plain = norm == "none" or level in (0, last)
            self.down.append(
                _block(nn.Conv2d(before, width, 4, 2, 1), not plain, nn.LeakyReLU(0.2))
            )
        for level in range(last, 0, -1):
            # What comes from below is already joined with its own skip, except at the bottom.
            below = widths[level] * (1 if level == last else 2)
            convolution = nn.Conv2d(below, widths[level - 1], 3, padding=1)
            self.up.append(_block(convolution, norm == "instance", nn.ReLU()))
        top = widths[0] * (1 if last == 0 else 2)
        self.leave = nn.Conv2d(top + inputs, outputs, 3, padding=1)
        cast(Any, self).to(memory_format=torch.channels_last)  # torch 2.13 does not type it

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] to [B, outputs, H, W]; no side shorter than 2 ** len(widths)."""
        x = x.contiguous(memory_format=torch.channels_last)
        skips = [x]
        for block in self.down:
            skips.append(block(skips[-1]))
        y = skips.pop()
        for block in self.up:
            skip = skips.pop()
            y = torch.cat([block(_enlarge(y, skip)), skip], dim=1)
        return self.leave(torch.cat([_enlarge(y, x), x], dim=1))


def _enlarge(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="nearest")


def _block(convolution: nn.Conv2d, normalise: bool, activation: nn.Module) -> nn.Sequential:
    if not normalise:
        return nn.Sequential(convolution, activation)
    norm = nn.InstanceNorm2d(convolution.out_channels, affine=True)
    return nn.Sequential(convolution, norm, activation)
