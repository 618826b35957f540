"""The shade of a matt surface on the CPU: one pass over the points in place of twenty."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from avatar_kit.graphics.jit import in_parallel, kernel

_SQRT_HALF = math.sqrt(0.5)


def shade(
    normals: Tensor,
    lit: Tensor,
    direction: Tensor,
    ambient: Tensor,
    direct: Tensor,
    limits: tuple[float, float],
) -> Tensor:
    """:func:`avatar_kit.light.surface_shade` with derivatives for normals, ambient and direct.

    Args:
        normals: [B, N, 3] float32 unit normals.
        lit: [B, N] how much of the distant light arrives.
        direction: [3] towards the light.
        ambient: [8, 3] coefficients of the harmonics.
        direct: [3] what a surface that faces the light loses in shadow.
        limits: Least and largest shade.

    Returns:
        [B, N, 3].
    """
    found: Tensor = _Shade.apply(normals, ambient, direct, lit, direction, limits)
    return found


class _Shade(torch.autograd.Function):
    """One thread sums a frame, so the result does not depend on their number."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        *given, limits = inputs
        normals, ambient, direct, lit, direction = (_array(v) for v in given)
        found = np.empty_like(normals)
        light = ambient, direct, direction, *(np.float32(v) for v in limits)
        in_parallel(_forward, [(normals[b], lit[b], *light, found[b]) for b in range(len(normals))])
        ctx.save_for_backward(*given)
        ctx.limits = limits
        return torch.from_numpy(found)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        normals, ambient, direct, lit, direction = (_array(v) for v in ctx.saved_tensors)
        light = ambient, direct, direction, *(np.float32(v) for v in ctx.limits)
        incoming = _array(gradients[0])
        to_normals = np.zeros_like(normals) if ctx.needs_input_grad[0] else normals[:, :0]
        sums = np.zeros((len(normals), 9, 3))
        in_parallel(
            _backward,
            [
                (normals[b], lit[b], *light, incoming[b], to_normals[b], sums[b])
                for b in range(len(normals))
            ],
        )
        total = torch.from_numpy(sums.sum(0).astype(ambient.dtype))
        moved = torch.from_numpy(to_normals) if ctx.needs_input_grad[0] else None
        return moved, total[:8], total[8], None, None, None


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()


@kernel
def _double(v):
    return np.float64(v[0]), np.float64(v[1]), np.float64(v[2])


@kernel
def _harmonics(x, y, z):
    return (x, y, z, x * y, y * z, x * z, 0.5 * (3 * z * z - 1), (x * x - y * y) * _SQRT_HALF)


@kernel
def _forward(normals, lit, ambient, direct, direction, low, high, found):
    for n in range(normals.shape[0]):
        x, y, z = _double(normals[n])
        h = _harmonics(x, y, z)
        facing = max(x * direction[0] + y * direction[1] + z * direction[2], 0.0)
        dark = (1 - lit[n]) * facing
        for c in range(3):
            value = 1 - dark * direct[c]
            for k in range(8):
                value += h[k] * ambient[k, c]
            found[n, c] = min(max(value, low), high)


@kernel
def _backward(normals, lit, ambient, direct, direction, low, high, incoming, to_normals, sums):
    for n in range(normals.shape[0]):
        x, y, z = _double(normals[n])
        h = _harmonics(x, y, z)
        facing = x * direction[0] + y * direction[1] + z * direction[2]
        dark = (1 - lit[n]) * max(facing, 0.0)
        to_dark, a, b, e = 0.0, 0.0, 0.0, 0.0
        for c in range(3):
            value = 1 - dark * direct[c]
            for k in range(8):
                value += h[k] * ambient[k, c]
            g = incoming[n, c]
            if value < low or value > high:
                continue
            for k in range(8):
                sums[k, c] += g * h[k]
            sums[8, c] -= g * dark
            to_dark -= g * direct[c]
            a += g * (
                ambient[0, c]
                + y * ambient[3, c]
                + z * ambient[5, c]
                + 2 * _SQRT_HALF * x * ambient[7, c]
            )
            b += g * (
                ambient[1, c]
                + x * ambient[3, c]
                + z * ambient[4, c]
                - 2 * _SQRT_HALF * y * ambient[7, c]
            )
            e += g * (ambient[2, c] + y * ambient[4, c] + x * ambient[5, c] + 3 * z * ambient[6, c])
        if to_normals.shape[0]:
            along = to_dark * (1 - lit[n]) if facing > 0 else 0.0
            to_normals[n, 0] = a + along * direction[0]
            to_normals[n, 1] = b + along * direction[1]
            to_normals[n, 2] = e + along * direction[2]
