"""A shallow U-Net for conditions with little variation, such as a face or a hand skeleton."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avatar_kit_ram.equalized import EqualConv2d, joined


class ShallowUNet(nn.Module):
    """Five 3x3 convolutions over three resolutions (RAM-Avatar, supplement, section 2).

    The layers of the paper's figures cannot be read; these are the smallest that have the named
    depth and width: in to c/2 at 1/2, c at 1/4, c at 1/4, up and skip to c at 1/2, up to c.

    Args:
        inputs: Channels of the input.
        outputs: Channels c of the output, even.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        half = outputs // 2
        self.enter = EqualConv2d(inputs, half, 3, down=True)
        self.deepen = EqualConv2d(half, outputs, 3, down=True)
        self.middle = EqualConv2d(outputs, outputs, 3)
        self.merge = EqualConv2d(outputs + half, outputs, 3)
        self.leave = EqualConv2d(outputs, outputs, 3, activate=False)
        cast(Any, self).to(memory_format=torch.channels_last)  # torch 2.13 does not type it

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] to [B, outputs, H, W]; H and W are multiples of 4."""
        shallow = self.enter(x.contiguous(memory_format=torch.channels_last))
        deep = self.middle(self.deepen(shallow))
        merged = self.merge(joined([_double(deep), shallow]))
        return self.leave(_double(merged))


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
