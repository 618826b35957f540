"""Criss-cross attention in kernels of Triton: energies never reach the GPU's memory.

Rows come first. Columns then continue the softmax where the rows ended: with the largest energy,
the sum and the mean found so far. A program holds one block of one line and meets the line's blocks
one after another. It takes a tile of the channels of ``value``; programs of further tiles compute
the energies again. The gradients of query and key are sums over tiles, so each tile writes its own
part. No two programs write to one place and no block size is chosen by timing: the same input gives
the same bits.

Triton is not a dependency of the project, so it is imported where a kernel is launched.
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from avatar_kit.errors import how_to_install
from avatar_kit_ram.attention import DistanceMode, line_weights

#: Largest tile of the channels of ``value``.
LARGEST_TILE = 64


@lru_cache(maxsize=64)
def missing(device: torch.device) -> str | None:
    """What keeps the kernels from running on a device; None if nothing does. Compiles one."""
    if device.type != "cuda":
        return f"it needs a CUDA device, not {device.type}"
    if importlib.util.find_spec("triton") is None:
        return f"the package 'triton' is not installed: {how_to_install('cuda')}"
    try:
        probe = torch.zeros(1, 1, 1, 16, device=device)
        with torch.no_grad():
            fused_criss_cross_attention(probe, probe, probe, "none")
    except Exception as error:  # compilers fail in many ways; the reason is passed on
        reason = next((line for line in str(error).splitlines() if line.strip()), "no reason given")
        return f"a small map fails ({type(error).__name__}: {reason.strip()})"
    return None


def fused_criss_cross_attention(
    query: Tensor, key: Tensor, value: Tensor, distance: DistanceMode
) -> Tensor:
    """As :func:`~avatar_kit_ram.attention.criss_cross_attention`, on a CUDA device.

    Args:
        query: [B, H, W, C], C at most 128; float32, bfloat16 or float16.
        key: [B, H, W, C], of the same type.
        value: [B, H, W, D], of the same type.
        distance: How the distance of two positions enters their energy.

    Returns:
        [B, H, W, D] averages of ``value``, of its type.
    """
    result: Tensor = _Fused.apply(query, key, value, distance)
    return result


class _Fused(torch.autograd.Function):
    """Keeps the inputs, the result and one number a position for the backward pass."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, distance: DistanceMode
    ) -> Tensor:
        from avatar_kit_ram.attention_kernels import forward_kernel

        query, key, value = (x.contiguous() for x in (query, key, value))
        mean = torch.empty_like(value, dtype=torch.float32)
        row_sum, log_sum = mean.new_empty((2, *value.shape[:3]))
        for rows, into in ((True, row_sum), (False, log_sum)):
            weights = line_weights(query, distance, rows=rows)
            grid, options = launch(query, value, distance, rows=rows)
            with torch.cuda.device_of(query):
                forward_kernel[grid](query, key, value, weights, mean, row_sum, into, **options)
        result = mean.to(value.dtype)
        ctx.save_for_backward(query, key, value, result, log_sum)
        ctx.distance = distance
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        from avatar_kit_ram.attention_kernels import key_kernel, query_kernel

        query, key, value, result, log_sum = ctx.saved_tensors
        gradient = gradient.to(value.dtype).contiguous()
        inner = (gradient.float() * result).sum(-1)
        tiles = -(-value.shape[-1] // tile_of(value))
        to_query, to_key = inner.new_empty((2, tiles, *query.shape))
        to_value = torch.empty_like(value, dtype=torch.float32)
        for rows in (True, False):
            weights = line_weights(query, ctx.distance, rows=rows)
            grid, options = launch(query, value, ctx.distance, rows=rows)
            maps = (query, key, value, gradient, log_sum, inner, weights)
            with torch.cuda.device_of(query):
                query_kernel[grid](*maps, to_query, **options)
                key_kernel[grid](*maps, to_key, to_value, **options)
        to_query, to_key = (x.sum(0).to(query.dtype) for x in (to_query, to_key))
        return to_query, to_key, to_value.to(value.dtype), None


def launch(
    query: Tensor, value: Tensor, distance: DistanceMode, *, rows: bool
) -> tuple[tuple[int, int, int], dict[str, Any]]:
    """The grid (lines, blocks of a line, tiles of the channels) and what the kernels know of it.

    Products of matrices take powers of 2 from 16 on. In float32 they are exact, so without tensor
    cores; larger blocks would not fit into the registers.
    """
    batch, height, width, channels = value.shape
    number, length = (height, width) if rows else (width, height)
    block, tile = (32 if value.dtype == torch.float32 else 64), tile_of(value)
    options = {
        "lines": number,
        "length": length,
        "along": 1 if rows else width,
        "across": width if rows else 1,
        "ROWS": rows,
        "MODE": distance,
        "C": query.shape[-1],
        "D": channels,
        "BLOCK": block,
        "C_TILE": _power_of_two(query.shape[-1]),
        "D_TILE": tile,
        "num_warps": 4,
        "num_stages": 2,
        "enable_fp_fusion": True,
    }
    return (batch * number, -(-length // block), -(-channels // tile)), options


def tile_of(value: Tensor) -> int:
    """Channels of ``value`` that a program takes."""
    return min(LARGEST_TILE, _power_of_two(value.shape[-1]))


def _power_of_two(count: int) -> int:
    """The smallest power of 2 that is at least ``count`` and 16."""
    return max(16, 1 << (count - 1).bit_length())
