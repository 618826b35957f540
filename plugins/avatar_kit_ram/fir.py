"""Up- and downsampling with a short separable low-pass filter (StyleGAN2, Karras et al., 2020)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

#: Binomial low-pass filter of StyleGAN2 and its descendants.
TAPS = (1.0, 3.0, 3.0, 1.0)


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
        kernel: [k, k] filter.
        up: ``up - 1`` zeros follow every row and column.
        down: Every ``down``-th row and column is kept.
        pad: Zeros before and after the picture, on both axes.
        bias: [C] is added to the channels.

    Returns:
        [B, C, h, w] with ``h = (H up + sum(pad) - k) // down + 1``.
    """
    batch, channels, height, width = x.shape
    if up > 1:
        spread = x.new_zeros(batch, channels, height, up, width, up)
        spread[:, :, :, 0, :, 0] = x
        x = spread.reshape(batch, channels, height * up, width * up)
    before, after = pad
    # F.conv2d correlates: flip the filter to convolve.
    weight = kernel.flip(0, 1).to(x.dtype).expand(channels, 1, *kernel.shape)
    if before == after:
        return F.conv2d(x, weight, bias, stride=down, padding=before, groups=channels)
    x = F.pad(x, (before, after, before, after))
    return F.conv2d(x, weight, bias, stride=down, groups=channels)


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
