"""A convolution whose result is blurred and halved, as one convolution of stride 2."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avatar_kit.nn.kept import Kept

#: What blurs, along each axis; the borders are reflected by two pixels.
BLUR = (0.25, 0.5, 0.25)

#: What the blur comes to at a border that it meets halfway: two samples and their reflections.
_HALFWAY = (0.5, 0.5)

_Kernels = tuple[Tensor, Tensor, Tensor, Tensor]


class BlurredConvolution(nn.Conv2d):
    """A convolution of stride 1, then a blur of stride 2 with reflected borders.

    Both are linear, so together they are one convolution with filters two pixels wider. It has only
    every fourth pixel to compute: for 11x11 filters a third of the work. Where the blur meets its
    reflection the filters differ: at the beginning of an axis the result is that of the next pixel,
    at the end too where the size is odd, and the mean of two where it is even.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        size: Height and width of the filters.
        padding: Zeros around the input; no more than the filters reach.
    """

    def __init__(self, inputs: int, outputs: int, size: int, padding: int):
        super().__init__(inputs, outputs, size, padding=padding)
        self.zeros = padding
        self._kernels: Kept[_Kernels] = Kept()

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] to about [B, D, H / 2, W / 2]."""
        inner, bottom, right, corner = self._kernels([self.weight], self._joined)
        height, width = (side + 2 * self.zeros - self.kernel_size[0] + 1 for side in x.shape[-2:])
        y = F.conv2d(x, inner, self.bias, stride=2, padding=self.zeros)
        wide = F.pad(x, [self.zeros] * 4) if height % 2 == 0 or width % 2 == 0 else x
        below, beside = wide[..., -bottom.shape[2] :, :], wide[..., -right.shape[3] :]
        if width % 2 == 0:
            edge = F.conv2d(beside, right, self.bias, stride=2)
            y = torch.cat([y, edge], dim=3)
        else:
            y = torch.cat([y, y[..., -1:]], dim=3)
        if height % 2 == 0:
            edge = F.conv2d(below, bottom, self.bias, stride=2)
            last = edge[..., -1:]
            if width % 2 == 0:
                last = F.conv2d(below[..., -corner.shape[3] :], corner, self.bias)
            y = torch.cat([y, torch.cat([edge, last], dim=3)], dim=2)
        else:
            y = torch.cat([y, y[..., -1:, :]], dim=2)
        y = torch.cat([y[..., :1], y], dim=3)
        return torch.cat([y[..., :1, :], y], dim=2)

    def _joined(self) -> _Kernels:
        """Filters inside, at the bottom, at the right and in the corner between them."""
        rows, columns = ((BLUR, BLUR), (_HALFWAY, BLUR)), ((BLUR, _HALFWAY), (_HALFWAY, _HALFWAY))
        inside, bottom, right, corner = (_blurred(self.weight, *taps) for taps in (*rows, *columns))
        return inside, bottom, right, corner


def _blurred(weight: Tensor, down: tuple[float, ...], across: tuple[float, ...]) -> Tensor:
    """Filters [D, C, k, k] convolved with taps on each axis, channels last."""
    taps = torch.outer(weight.new_tensor(down), weight.new_tensor(across))
    flat = weight.flatten(0, 1)[:, None]
    wide = F.conv2d(flat, taps[None, None], padding=(len(down) - 1, len(across) - 1))
    wide = wide.unflatten(0, weight.shape[:2])[:, :, 0]
    return wide.contiguous(memory_format=torch.channels_last)
