"""Weighted gather: the one operation behind attribute interpolation and texture sampling.

Every covered pixel takes K entries of a table, weighs them and adds them up; the rest of the
picture costs nothing. On the CPU one thread owns a channel, forwards and backwards: planes stay
in its cache, sums need no locks, and the result does not depend on the number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from avatar_kit.graphics.jit import in_parallel, kernel, spans, threads


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
        pixel: [N] int64, distinct positions in the flattened [B * P].
        batch: B.
        pixels: P, the number of pixels of a picture.

    Returns:
        [B, C, P]; 0 where no pixel is named.
    """
    if table.shape[0] not in (1, batch):
        raise ValueError(f"a batch of {table.shape[0]} tables does not fit {batch} pictures")
    if table.is_cuda:
        return gather_dense(table, index, weight, pixel, batch, pixels)
    weight = weight.to(table.dtype)
    result: Tensor = _WeightedGather.apply(table, index, weight, pixel, batch, pixels)
    return result


def gather_dense(
    table: Tensor, index: Tensor, weight: Tensor, pixel: Tensor, batch: int, pixels: int
) -> Tensor:
    """:func:`weighted_gather` in plain torch: for CUDA, and the twin that tests compare with."""
    tables, channels, entries = table.shape
    if tables > 1:
        index = index + (torch.div(pixel, pixels, rounding_mode="floor") * entries)[:, None]
    rows = table.transpose(1, 2).reshape(-1, channels)
    taps = rows.index_select(0, index.reshape(-1)).view(*index.shape, channels)
    values = (taps * weight.to(table.dtype)[..., None]).sum(1)
    picture = values.new_zeros(batch * pixels, channels).index_copy(0, pixel, values)
    return picture.view(batch, pixels, channels).transpose(1, 2).contiguous()


class _WeightedGather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        table, index, weight, pixel, batch, pixels = inputs
        ctx.save_for_backward(table, index, weight, pixel)
        ctx.pixels = pixels
        # calloc: pages of the background are never touched
        out = np.zeros((batch, table.shape[1], pixels), _array(table).dtype)
        data = (_array(table), _array(index), _array(weight), _array(pixel), pixels, out)
        in_parallel(_forward, [(*data, *span) for span in spans(table.shape[1], threads())])
        return torch.from_numpy(out)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        table, index, weight, pixel = ctx.saved_tensors
        grad = _array(gradients[0])
        taps = (_array(index), _array(weight), _array(pixel), ctx.pixels)
        to_table = to_weight = None
        if ctx.needs_input_grad[0]:
            to_table = np.zeros(table.shape, grad.dtype)
            parts = spans(table.shape[1], threads())
            in_parallel(_backward_table, [(to_table, *taps, grad, *part) for part in parts])
            to_table = torch.from_numpy(to_table)
        if ctx.needs_input_grad[2]:
            to_weight = np.zeros(weight.shape, grad.dtype)
            parts = spans(len(pixel), threads())
            in_parallel(
                _backward_weight,
                [(_array(table), to_weight, taps[0], *taps[2:], grad, *part) for part in parts],
            )
            to_weight = torch.from_numpy(to_weight)
        return to_table, None, to_weight, None, None, None


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()


@kernel
def _forward(table, index, weight, pixel, pixels, out, start, stop):
    """Channels [start, stop) of ``out``."""
    for c in range(start, stop):
        for n in range(index.shape[0]):
            b = pixel[n] // pixels
            source = table[b if table.shape[0] > 1 else 0, c]
            value = weight[n, 0] * source[index[n, 0]]
            for k in range(1, index.shape[1]):
                value += weight[n, k] * source[index[n, k]]
            out[b, c, pixel[n] - b * pixels] = value


@kernel
def _backward_table(to_table, index, weight, pixel, pixels, grad, start, stop):
    """Gradient of channels [start, stop) of the table."""
    for c in range(start, stop):
        for n in range(index.shape[0]):
            b = pixel[n] // pixels
            target = to_table[b if to_table.shape[0] > 1 else 0, c]
            g = grad[b, c, pixel[n] - b * pixels]
            for k in range(index.shape[1]):
                target[index[n, k]] += weight[n, k] * g


@kernel
def _backward_weight(table, to_weight, index, pixel, pixels, grad, start, stop):
    """Gradient of the weights of covered pixels [start, stop)."""
    for c in range(table.shape[1]):
        for n in range(start, stop):
            b = pixel[n] // pixels
            source = table[b if table.shape[0] > 1 else 0, c]
            g = grad[b, c, pixel[n] - b * pixels]
            for k in range(index.shape[1]):
                to_weight[n, k] += source[index[n, k]] * g
