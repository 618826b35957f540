"""Criss-cross attention with a distance weight, and the branches of dual attention (section 3.2).

A position attends to its own row and column. Each of the two is attention along lines of pixels;
their softmax is joined through the logarithms of their sums, so nothing is ever concatenated. Lines
are taken a few at a time and computed again in the backward pass: energies never exist as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from avatar_kit_ram.equalized import EqualConv2d, EqualLinear

#: How the distance enters: times the energy (the paper), its logarithm plus the energy, not at all.
DistanceMode = Literal["multiply", "bias", "none"]
#: What computes it.
Kernel = Literal["torch", "triton"]

#: Energies computed at a time, by kind of device: on a CPU what stays in its cache.
BLOCK = {"cpu": 2**19}
LARGE_BLOCK = 2**27


def distance_weights(
    length: int, *, power: float = 0.8, device: torch.device | None = None
) -> Tensor:
    """[L, L] weight 1 / (|i - j|^power + 1) of two positions on a line (supplement, equation 1)."""
    far = torch.arange(1 - length, length, device=device).abs()
    return (1 / (far.double() ** power + 1)).unfold(0, length, 1).flip(0)


def criss_cross_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    distance: DistanceMode = "multiply",
    kernel: Kernel = "torch",
) -> Tensor:
    """Attention over the H + W - 1 positions in a position's row and column (equations 1 and 2).

    Energies and softmax are in float32 (float64 for float64). Differentiable once.

    Args:
        query: [B, H, W, C].
        key: [B, H, W, C].
        value: [B, H, W, D].
        distance: How the distance of two positions enters their energy.
        kernel: "triton" is fused. Where it cannot run, and in float64, "torch" computes the same.

    Returns:
        [B, H, W, D] averages of ``value``, of its type.
    """
    if kernel == "triton" and value.dtype != torch.float64:
        from avatar_kit_ram.attention_triton import fused_criss_cross_attention, missing

        if missing(value.device) is None:
            return fused_criss_cross_attention(query, key, value, distance)
    return _CrissCross.apply(query, key, value, distance)


class _CrissCross(torch.autograd.Function):
    """Keeps the inputs, the result and one number a position for the backward pass."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, distance: DistanceMode
    ) -> Tensor:
        with torch.autocast(query.device.type, enabled=False):
            maps = (query, key, value)
            row, row_sum = _attend(*maps, distance, centre=True)
            turned = (_turn(query), _turn(key), _turn(value))
            column, column_sum = _attend(*turned, distance, centre=False)
            column, column_sum = _turn(column), _turn(column_sum)
            share = torch.sigmoid(row_sum - column_sum)[..., None].to(row.dtype)
            result = torch.lerp(column, row, share)
            log_sum = torch.logaddexp(row_sum, column_sum)
        ctx.save_for_backward(query, key, value, result, log_sum)
        ctx.distance = distance
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        query, key, value, result, log_sum = ctx.saved_tensors
        with torch.autocast(query.device.type, enabled=False):
            gradient = gradient.to(value.dtype)
            inner = (gradient.to(log_sum.dtype) * result).sum(-1)
            maps = (query, key, value, gradient, log_sum, inner)
            found = [torch.zeros_like(x, memory_format=torch.contiguous_format) for x in maps[:3]]
            _attend_backward(maps, found, ctx.distance, centre=True)
            turned, into = [_turn(x) for x in maps], [_turn(x) for x in found]
            _attend_backward(turned, into, ctx.distance, centre=False)
        to_query, to_key, to_value = found
        return to_query, to_key, to_value, None


def _turn(x: Tensor) -> Tensor:
    """Columns for rows."""
    return x.transpose(1, 2)


def _attend(
    query: Tensor, key: Tensor, value: Tensor, distance: DistanceMode, *, centre: bool
) -> tuple[Tensor, Tensor]:
    """Attention along the last line of the maps: [B, N, L, D] and [B, N, L] log sum of energies."""
    table = _table(query, distance)
    result = torch.empty_like(value, memory_format=torch.contiguous_format)
    log_sum = query.new_empty(query.shape[:3], dtype=_accurate(query))
    for lines in _blocks(query):
        shares = _energies(query[:, lines], key[:, lines], table, distance, centre=centre)
        top = shares.amax(-1, keepdim=True)
        total = shares.sub_(top).exp_().sum(-1, keepdim=True)
        result[:, lines] = (shares.to(value.dtype) @ value[:, lines]) / total
        log_sum[:, lines] = (top + total.log_())[..., 0]
    return result, log_sum


def _attend_backward(
    maps: Sequence[Tensor], into: Sequence[Tensor], distance: DistanceMode, *, centre: bool
) -> None:
    """Add to ``into`` the gradients of query, key and value that come along these lines.

    Args:
        maps: Query, key, value, gradient of the result: [B, N, L, C or D]. Then [B, N, L]: the log
            sum of row and column together, and the product of the result and its gradient, which
            the gradient of a softmax subtracts.
        into: Gradients of query, key and value, shaped like them.
        distance: As in :func:`criss_cross_attention`.
        centre: Whether these lines count the centre.
    """
    query, key, value, gradient, log_sum, inner = maps
    to_query, to_key, to_value = into
    table = _table(query, distance)
    for lines in _blocks(query):
        q, k, g = query[:, lines], key[:, lines], gradient[:, lines]
        shares = _energies(q, k, table, distance, centre=centre)
        shares.sub_(log_sum[:, lines, :, None]).exp_()
        to_value[:, lines] += shares.to(value.dtype).mT @ g
        change = (g @ value[:, lines].mT).to(shares.dtype)
        change.sub_(inner[:, lines, :, None]).mul_(shares)
        if distance == "multiply":
            change.mul_(table)
        to_query[:, lines] += change @ k.to(change.dtype)
        to_key[:, lines] += change.mT @ q.to(change.dtype)


def _energies(
    query: Tensor, key: Tensor, table: Tensor, distance: DistanceMode, *, centre: bool
) -> Tensor:
    """[B, N, L, L] energies along lines; without the centre, it gets no share."""
    energies = query.to(table.dtype) @ key.to(table.dtype).mT
    if distance == "multiply":
        energies.mul_(table)
    elif distance == "bias":
        energies.add_(table)
    if not centre:
        # Not minus infinity: a line of one pixel must stay finite; its row outweighs it.
        energies.diagonal(dim1=-2, dim2=-1).fill_(torch.finfo(energies.dtype).min)
    return energies


def _table(query: Tensor, distance: DistanceMode) -> Tensor:
    """[L, L] what the energies are multiplied by, or what is added to them."""
    return _table_of(query.shape[2], distance, query.device, _accurate(query))


def line_weights(query: Tensor, distance: DistanceMode, *, rows: bool) -> Tensor:
    """[W] or [H]: as the table of rows or columns, by the distance of two positions on them."""
    length = query.shape[2] if rows else query.shape[1]
    return _table_of(length, distance, query.device, _accurate(query))[0]


@lru_cache(maxsize=64)
def _table_of(
    length: int, distance: DistanceMode, device: torch.device, dtype: torch.dtype
) -> Tensor:
    with torch.inference_mode(False):  # it serves training, whoever asks for it first
        weights = distance_weights(length, device=device)
        return (weights.log() if distance == "bias" else weights).to(dtype)


def _accurate(x: Tensor) -> torch.dtype:
    """The type of energies and softmax."""
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def _blocks(query: Tensor) -> Iterator[slice]:
    """Lines to be taken at a time."""
    batch, lines, length, _ = query.shape
    step = max(1, BLOCK.get(query.device.type, LARGE_BLOCK) // (batch * length * length))
    return (slice(i, i + step) for i in range(0, lines, step))


class CrissCrossBranch(nn.Module):
    """One half of dual attention: a query from elsewhere looks twice into the features.

    Each pass attends along rows and columns, so that after two every position has reached every
    other. The second takes its keys and values from what the first gave; the query stays.

    Args:
        channels: Channels of the features and of the result.
        query_channels: Channels of query and key (C4 of the paper).
        distance: How the distance of two positions enters their energy.
        passes: How often the attention is performed.
        kernel: What computes the attention.
    """

    def __init__(
        self,
        channels: int,
        query_channels: int = 24,
        *,
        distance: DistanceMode = "multiply",
        passes: int = 2,
        kernel: Kernel = "torch",
    ):
        super().__init__()
        self.query = EqualLinear(channels, query_channels)
        self.key = EqualLinear(channels, query_channels)
        self.value = EqualLinear(channels, channels)
        self.alpha = nn.Parameter(torch.zeros(()))
        self.convolution = EqualConv2d(channels, channels, 3, activate=False)
        # Zero to begin with: adding the branch to a trained avatar changes nothing at first.
        nn.init.zeros_(self.convolution.weight)
        self.distance, self.passes, self.kernel = distance, passes, kernel

    def forward(self, source: Tensor, features: Tensor) -> Tensor:
        """What to add to the features.

        Args:
            source: [B, C, H, W] where the query comes from.
            features: [B, C, H, W] where keys and values come from.

        Returns:
            [B, C, H, W].
        """
        query = self.query(source.permute(0, 2, 3, 1))
        x = features.permute(0, 2, 3, 1)
        for _ in range(self.passes):
            found = criss_cross_attention(
                query, self.key(x), self.value(x), distance=self.distance, kernel=self.kernel
            )
            x = x + self.alpha * found
        return self.convolution(x.permute(0, 3, 1, 2))
