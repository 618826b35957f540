"""A shallow U-Net for conditions with little variation, such as a face or a hand skeleton."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avatar_kit.nn import Kept
from avatar_kit_ram.equalized import EqualConv2d, joined

#: How far, in pixels, the input is felt in the output.
REACH = 24

#: Share of the picture up to which a box around what is not zero is computed alone.
_MOST = 0.7


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
        self._rest: Kept[Tensor] = Kept()
        cast(Any, self).to(memory_format=torch.channels_last)  # torch 2.13 does not type it

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] to [B, outputs, H, W]; H and W are multiples of 4."""
        learning = torch.is_grad_enabled() and self.leave.weight.requires_grad
        if learning or len(x) > 1 or x.device.type != "cpu":
            return self.whole(x)
        box = _box_of(x, margin=2 * REACH)
        if box is None:
            return self.whole(x)
        # A face or hands fill little of a picture: what lies around them is as if they were not.
        rest = self._rest(list(self.parameters()), lambda: self.whole(torch.zeros_like(x)))
        if rest.shape[-2:] != x.shape[-2:]:
            return self.whole(x)
        top, bottom, left, right = box
        patch = self.whole(x[..., top:bottom, left:right])
        down = _inside(top, bottom, x.shape[2])
        across = _inside(left, right, x.shape[3])
        seen = rest.clone()
        seen[..., top:bottom, left:right][..., down, across] = patch[..., down, across]
        return seen

    def whole(self, x: Tensor) -> Tensor:
        """:meth:`forward`, every pixel computed."""
        shallow = self.enter(x.contiguous(memory_format=torch.channels_last))
        deep = self.middle(self.deepen(shallow))
        merged = self.merge(joined([_double(deep), shallow]))
        return self.leave(_double(merged))


def _box_of(x: Tensor, margin: int) -> tuple[int, int, int, int] | None:
    """Top, bottom, left and right of what is not zero, with a margin, in multiples of 4.

    None where that is most of the picture.
    """
    height, width = x.shape[-2:]
    rows = x[0].permute(1, 2, 0)  # channels last: a row of the picture is one stretch of memory
    top, bottom = _span(rows.flatten(1).any(1), margin)
    left, right = _span(rows[top:bottom].any(0).any(1), margin)
    small = (bottom - top) * (right - left) < _MOST * height * width
    return (top, bottom, left, right) if small else None


def _span(line: Tensor, margin: int) -> tuple[int, int]:
    """First and last true with a margin, within the line and in multiples of 4."""
    places = line.nonzero()[:, 0]
    first, last = (int(places[0]), int(places[-1])) if len(places) else (0, 0)
    return max(0, first - margin) // 4 * 4, min(len(line), (last + margin) // 4 * 4 + 4)


def _inside(start: int, stop: int, size: int) -> slice:
    """What of a patch knows all it depends on: not its edge, unless that is the picture's."""
    return slice(0 if start == 0 else REACH, stop - start - (0 if stop == size else REACH))


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
