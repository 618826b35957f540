"""Small matrix products for many joints and frames, laid out with the frames last.

Matrices are [J, 3, 3, B] and vectors [J, 3, B]: every operation runs over contiguous frames, which
on a CPU is several times faster than a batch of little matrix products.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def frames_last(matrices: Tensor) -> Tensor:
    """[B, J, 3, 3] or [B, J, 3] as [J, 3, 3, B] or [J, 3, B] (a view)."""
    return matrices.movedim(0, -1)


def frames_first(matrices: Tensor) -> Tensor:
    """The inverse of :func:`frames_last` (a view)."""
    return matrices.movedim(-1, 0)


def transposed(a: Tensor) -> Tensor:
    """[J, 3, 3, B] transposed matrices (a view)."""
    return a.transpose(1, 2)


def compose(a: Tensor, b: Tensor) -> Tensor:
    """[J, 3, 3, B] products ``a @ b``; sizes of one broadcast. Differentiable, also twice."""
    if not torch.is_grad_enabled():
        return _product(a, b)  # a third cheaper where nobody asks for a way back
    return _Compose.apply(a, b)


def _product(a: Tensor, b: Tensor) -> Tensor:
    columns, rows = a.chunk(3, 2), b.chunk(3, 1)  # without the detour of split through Python
    product = columns[0] * rows[0]
    for column, row in zip(columns[1:], rows[1:], strict=True):
        product.addcmul_(column, row)
    return product


def apply(a: Tensor, v: Tensor) -> Tensor:
    """[J, 3, B] products of [J, 3, 3, B] with [J, 3, B]; sizes of one broadcast."""
    return compose(a, v[:, :, None])[:, :, 0]


class _Compose(torch.autograd.Function):
    """A sum of outer products. Autograd's own way back through it sums over little axes: slow."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return _product(a, b)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        a, b = ctx.saved_tensors
        to_a = to_b = None
        if ctx.needs_input_grad[0]:
            to_a = compose(gradient, transposed(b)).sum_to_size(a.shape)
        if ctx.needs_input_grad[1]:
            to_b = compose(transposed(a), gradient).sum_to_size(b.shape)
        return to_a, to_b
