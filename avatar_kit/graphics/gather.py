"""Weighted gather: the one operation behind attribute interpolation and texture sampling.

Every covered pixel takes K entries of a table, weighs them and adds them up; the rest of the
picture costs nothing. On the CPU one thread owns some channels, forwards and backwards: sums need
no locks, and the result does not depend on the number of threads. A table may come as planes, which
stay in a thread's cache, or with the channels of an entry next to each other (channels last), which
is quicker from a few on; the picture has the layout of the table then.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from avatar_kit.graphics.jit import blank, in_parallel, kernel, spans, threads

#: Pixels handled at a time: their taps stay in the cache while the channels go by.
_BLOCK = 1024
#: Channels below which planes are as quick as rows.
_FEW = 3


def weighted_gather(
    table: Tensor, index: Tensor, weight: Tensor, pixel: Tensor, batch: int, pixels: int
) -> Tensor:
    """Weighted sums of table entries, put at chosen pixels of an empty picture.

    ``out[b, c, p] = sum_k weight[n, k] table[b, c, index[n, k]]`` with ``b p = pixel[n]``.
    Gradients flow to ``table`` and ``weight``.

    Args:
        table: [B or 1, C, M].
        index: [N, K] int64 in [0, M); K taps of every covered pixel.
        weight: [N, K].
        pixel: [N] int64, distinct positions in the flattened [B * P], ascending.
        batch: B.
        pixels: P, the number of pixels of a picture.

    Returns:
        [B, C, P]; 0 where no pixel is named. In memory [B, P, C] where the table is
        [B, M, C] with C >= 3.
    """
    if table.shape[0] not in (1, batch):
        raise ValueError(f"a batch of {table.shape[0]} tables does not fit {batch} pictures")
    if table.device.type != "cpu":
        return gather_dense(table, index, weight, pixel, batch, pixels)
    # The kernels know float32 and float64.
    wide = table if table.dtype == torch.float64 else table.float()
    weight = weight.to(wide.dtype)
    picture: Tensor = _WeightedGather.apply(wide, index, weight, pixel, batch, pixels)
    return picture.to(table.dtype)


def gather_dense(
    table: Tensor, index: Tensor, weight: Tensor, pixel: Tensor, batch: int, pixels: int
) -> Tensor:
    """:func:`weighted_gather` in plain torch: for CUDA, and the twin that tests compare with."""
    tables, channels, entries = table.shape
    if tables > 1:
        index = index + (torch.div(pixel, pixels, rounding_mode="floor") * entries)[:, None]
    rows = table.transpose(1, 2).reshape(-1, channels)
    taps = rows.index_select(0, index.reshape(-1)).view(*index.shape, channels)
    values = picture = (taps * weight.to(table.dtype)[..., None]).sum(1)
    if len(pixel) < batch * pixels:
        picture = values.new_zeros(batch * pixels, channels).index_copy(0, pixel, values)
    return picture.view(batch, pixels, channels).transpose(1, 2).contiguous()


class _WeightedGather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        table, index, weight, pixel, batch, pixels = inputs
        ctx.save_for_backward(table, index, weight, pixel)
        ctx.shape, ctx.last = (batch, pixels), _channels_last(table)
        source = _laid(table, ctx.last)
        out = _blank(batch, table.shape[1], pixels, source.dtype, ctx.last)
        gather = _forward_rows if ctx.last else _forward
        calls = [
            (source[b % len(source)], *taps, out[b], *part)
            for b, taps in enumerate(_taps_of_frames(index, weight, pixel, batch, pixels))
            for part in spans(len(taps[0]) if ctx.last else table.shape[1], threads())
        ]
        in_parallel(gather, calls)
        return _given(out, ctx.last)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        table, index, weight, pixel = ctx.saved_tensors
        grad, source = _laid(gradients[0], ctx.last), _laid(table, ctx.last)
        frames = _taps_of_frames(index, weight, pixel, *ctx.shape)
        channels = table.shape[1]
        to_table = to_weight = None
        if ctx.needs_input_grad[0]:
            scatter = _backward_table_rows if ctx.last else _backward_table
            to_table = _blank(len(table), channels, table.shape[2], grad.dtype, ctx.last)
            for b, taps in enumerate(frames):  # one after another: they may share the table
                target = to_table[b % len(to_table)]
                parts = spans(channels, threads())
                in_parallel(scatter, [(target, *taps, grad[b], *part) for part in parts])
        if ctx.needs_input_grad[2]:
            to_weight = blank(weight.shape, grad.dtype)
            compare = _backward_weight_rows if ctx.last else _backward_weight
            first = 0
            for b, (tap, _, place) in enumerate(frames):
                target = to_weight[first : first + len(tap)]
                first += len(tap)
                data = (source[b % len(source)], target, tap, place, grad[b])
                parts = spans(len(tap), threads())
                in_parallel(compare, [(*data, *part) for part in parts])
        given = None if to_table is None else _given(to_table, ctx.last)
        return given, None, None if to_weight is None else torch.from_numpy(to_weight), *[None] * 3


def _channels_last(table: Tensor) -> bool:
    """Whether the channels of an entry of [B, C, M] lie next to each other, and are no few."""
    return table.shape[1] >= _FEW and not table.is_contiguous() and table.mT.is_contiguous()


def _laid(values: Tensor, last: bool) -> np.ndarray:
    """[B, C, M] as planes [B, C, M], or as rows [B, M, C]."""
    return _array(values.mT if last else values)


def _given(array: np.ndarray, last: bool) -> Tensor:
    """The inverse of :func:`_laid`."""
    tensor = torch.from_numpy(array)
    return tensor.mT if last else tensor


def _blank(batch: int, channels: int, entries: int, dtype: Any, last: bool) -> np.ndarray:
    return blank((batch, entries, channels) if last else (batch, channels, entries), dtype)


def _taps_of_frames(
    index: Tensor, weight: Tensor, pixel: Tensor, batch: int, pixels: int
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Index, weight and pixel (within its picture) of each frame's covered pixels."""
    taps, weights, places = _array(index), _array(weight), _array(pixel)
    cuts = np.searchsorted(places, np.arange(batch + 1) * pixels)
    # Unsigned, because signed indices cost numba a test for negative ones at every access.
    return [
        (
            taps[start:stop].view(np.uint64),
            weights[start:stop],
            (places[start:stop] - b * pixels).view(np.uint64),
        )
        for b, (start, stop) in enumerate(pairwise(cuts))
    ]


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()


@kernel
def _forward(table, index, weight, pixel, out, start, stop):
    """Channels [start, stop) of ``out`` [C, P] from ``table`` [C, M]."""
    for block in range(0, index.shape[0], _BLOCK):
        end = min(block + _BLOCK, index.shape[0])
        for c in range(start, stop):
            source, target = table[c], out[c]
            for n in range(block, end):
                value = weight[n, 0] * source[index[n, 0]]
                for k in range(1, index.shape[1]):
                    value += weight[n, k] * source[index[n, k]]
                target[pixel[n]] = value


@kernel
def _backward_table(to_table, index, weight, pixel, grad, start, stop):
    """Gradient of channels [start, stop) of the table."""
    for block in range(0, index.shape[0], _BLOCK):
        end = min(block + _BLOCK, index.shape[0])
        for c in range(start, stop):
            target, given = to_table[c], grad[c]
            for n in range(block, end):
                g = given[pixel[n]]
                for k in range(index.shape[1]):
                    target[index[n, k]] += weight[n, k] * g


@kernel
def _backward_weight(table, to_weight, index, pixel, grad, start, stop):
    """Gradient of the weights of covered pixels [start, stop)."""
    for block in range(start, stop, _BLOCK):
        end = min(block + _BLOCK, stop)
        for c in range(table.shape[0]):
            source, given = table[c], grad[c]
            for n in range(block, end):
                g = given[pixel[n]]
                for k in range(index.shape[1]):
                    to_weight[n, k] += source[index[n, k]] * g


@kernel
def _forward_rows(table, index, weight, pixel, out, start, stop):
    """Covered pixels [start, stop) of ``out`` [P, C] from ``table`` [M, C]."""
    channels = table.shape[1]
    for n in range(start, stop):
        target = out[pixel[n]]
        for k in range(index.shape[1]):
            source, w = table[index[n, k]], weight[n, k]
            for c in range(channels):
                target[c] += w * source[c]


@kernel
def _backward_table_rows(to_table, index, weight, pixel, grad, start, stop):
    """Gradient of channels [start, stop) of a table [M, C]."""
    for n in range(index.shape[0]):
        given = grad[pixel[n]]
        for k in range(index.shape[1]):
            target, w = to_table[index[n, k]], weight[n, k]
            for c in range(start, stop):
                target[c] += w * given[c]


@kernel
def _backward_weight_rows(table, to_weight, index, pixel, grad, start, stop):
    """Gradient of the weights of covered pixels [start, stop), of a table [M, C]."""
    for n in range(start, stop):
        given = grad[pixel[n]]
        for k in range(index.shape[1]):
            source = table[index[n, k]]
            for c in range(table.shape[1]):
                to_weight[n, k] += source[c] * given[c]
