"""Up- and downsampling with a short separable low-pass filter (StyleGAN2, Karras et al., 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

#: Binomial low-pass filter of StyleGAN2 and its descendants.
TAPS = (1.0, 3.0, 3.0, 1.0)

#: Zeros on the left, right, top and bottom; below 0, what is cut away there.
Padding = tuple[int, int, int, int]


def fir_kernel(taps: Sequence[float] = TAPS) -> Tensor:
    """[k, k] outer product of ``taps`` with itself, scaled to sum to one."""
    line = torch.tensor(taps, dtype=torch.float32)
    line = line / line.sum()
    return torch.outer(line, line)


def upfirdn2d(
    x: Tensor,
    kernel: Tensor,
    *,
    up: int = 1,
    down: int = 1,
    pad: tuple[int, int] = (0, 0),
    bias: Tensor | None = None,
) -> Tensor:
    """Insert zeros, pad, convolve, decimate: every channel on its own.

    Args:
        x: [B, C, H, W].
        kernel: [k, k] filter, a constant: no gradient flows into it.
        up: ``up - 1`` zeros follow every row and column.
        down: Every ``down``-th row and column is kept.
        pad: Zeros before and after the picture, on both axes.
        bias: [C] is added to the channels.

    Returns:
        [B, C, h, w] with ``h = (H up + sum(pad) - k) // down + 1``.
    """
    y = _filtered(x, kernel, up, down, (*pad, *pad))
    return y if bias is None else y.add_(bias[:, None, None])


def upsample(x: Tensor) -> Tensor:
    """[B, C, H, W] to [B, C, 2 H, 2 W] with ``TAPS``; the mean brightness is kept.

    On each axis a sample lies a quarter of the way from one to the next; beyond the border is zero.
    """
    for axis in (2, 3):
        count = x.shape[axis]
        padded = F.pad(x, (1, 1) if axis == 3 else (0, 0, 1, 1))
        before, here, after = (padded.narrow(axis, start, count) for start in range(3))
        halves = torch.lerp(here, before, 0.25), torch.lerp(here, after, 0.25)
        x = torch.stack(halves, dim=axis + 1).flatten(axis, axis + 1)
    return x


def downsample(x: Tensor, kernel: Tensor, factor: int = 2) -> Tensor:
    """[B, C, H, W] to [B, C, H / factor, W / factor]."""
    excess = kernel.shape[0] - factor
    return upfirdn2d(x, kernel, down=factor, pad=((excess + 1) // 2, excess // 2))


def blur_before_stride(x: Tensor, kernel: Tensor, size: int, factor: int = 2) -> Tensor:
    """Low-pass a picture before an unpadded ``size`` x ``size`` convolution of that stride.

    The two together map H to H / factor.
    """
    excess = kernel.shape[0] - factor + size - 1
    return upfirdn2d(x, kernel, pad=((excess + 1) // 2, excess // 2))


def blur_after_transpose(
    x: Tensor, kernel: Tensor, size: int, factor: int = 2, bias: Tensor | None = None
) -> Tensor:
    """Low-pass what an unpadded transposed ``size`` x ``size`` convolution of that stride gave.

    The two together map H to factor H. A bias [C] may be added to the channels.
    """
    excess = kernel.shape[0] - factor - (size - 1)
    pad = ((excess + 1) // 2 + factor - 1, excess // 2 + 1)
    return upfirdn2d(x, kernel * factor**2, pad=pad, bias=bias)


def _filtered(x: Tensor, kernel: Tensor, up: int, down: int, pad: Padding) -> Tensor:
    """:func:`upfirdn2d` with zeros of their own on the left, right, top and bottom."""
    if torch.is_grad_enabled() and x.requires_grad:
        y: Tensor = _Filter.apply(x, kernel, up, down, pad)
        return y
    batch, channels, height, width = x.shape
    if up > 1:
        last = x.is_contiguous(memory_format=torch.channels_last)
        layout = torch.channels_last if last else torch.contiguous_format
        size = (batch, channels, height * up, width * up)
        spread = torch.empty(size, dtype=x.dtype, device=x.device, memory_format=layout).zero_()
        spread[..., ::up, ::up] = x
        x = spread
    # F.conv2d correlates: flip the filter to convolve.
    weight = kernel.flip(0, 1).to(x.dtype).expand(channels, 1, *kernel.shape)
    around = pad[0]
    if around < 0 or any(p != around for p in pad):
        x, around = F.pad(x, pad), 0
    return F.conv2d(x, weight, stride=down, padding=around, groups=channels)


class _Filter(torch.autograd.Function):
    """The way back is the same operation, the filter turned around and the rates exchanged.

    Torch's own way back through a depthwise convolution takes three times as long on a CPU.
    """

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        x, kernel, up, down, pad = inputs
        ctx.save_for_backward(kernel)
        ctx.given = up, down, pad, x.shape[-2:]
        return _filtered(x, kernel, up, down, pad)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (kernel,), (gradient,) = ctx.saved_tensors, gradients
        up, down, (left, _, top, _), (height, width) = ctx.given
        rows, columns = gradient.shape[-2:]
        pad = (
            kernel.shape[1] - 1 - left,
            width * up - columns * down + left - up + 1,
            kernel.shape[0] - 1 - top,
            height * up - rows * down + top - up + 1,
        )
        return _filtered(gradient, kernel.flip(0, 1), down, up, pad), None, None, None, None
