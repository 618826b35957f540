"""Colours from spherical harmonics on the CPU, forwards and backwards.

In torch every step of it wakes threads that wait for each other, which costs a busy machine more
than the splatting; see :mod:`spherical_harmonics` for the formulas.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from avatar_kit.graphics.jit import in_turns, kernel, spans, threads


class HarmonicColors(torch.autograd.Function):
    """[B, N, C] of coefficients [B, N, K, C], means [B, N, 3] and camera centres [B, 3]."""

    @staticmethod
    def forward(ctx: Any, coefficients: Tensor, means: Tensor, centres: Tensor) -> Tensor:
        """All of one precision, on the CPU."""
        ctx.save_for_backward(coefficients, means, centres)
        arrays = [_array(value) for value in (coefficients, means, centres)]
        batch, count, _, channels = coefficients.shape
        colors = np.empty((batch, count, channels), arrays[0].dtype)
        in_turns(_forward, _calls([*arrays, colors]))
        ctx.colors = colors
        return torch.from_numpy(colors)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        """Gradients of all three."""
        arrays = [_array(value) for value in (*ctx.saved_tensors, gradients[0])]
        to_coefficients, to_means = np.empty_like(arrays[0]), np.empty_like(arrays[1])
        in_turns(_backward, _calls([*arrays, ctx.colors, to_coefficients, to_means]))
        found = (to_coefficients, to_means, -to_means.sum(1))
        return tuple(torch.from_numpy(gradient) for gradient in found)


def _calls(arrays: list[np.ndarray]) -> list[tuple[Any, ...]]:
    """The frames of arrays, in pieces."""
    return [
        (*(array[b] for array in arrays), *span)
        for b in range(len(arrays[0]))
        for span in spans(arrays[1].shape[1], threads())
    ]


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()


@kernel
def _direction(means, centre, n):
    """Unit vector from the camera to a mean, and one over their distance; 0 if there is none."""
    x, y, z = means[n, 0] - centre[0], means[n, 1] - centre[1], means[n, 2] - centre[2]
    distance = np.sqrt(x * x + y * y + z * z)
    inverse = 1.0 / distance if distance > 0.0 else 0.0
    return x * inverse, y * inverse, z * inverse, inverse


@kernel
def _basis(x, y, z, values):
    """The first harmonics, as many as ``values`` holds."""
    values[0] = 0.28209479177387814
    if len(values) > 1:
        values[1], values[2] = -0.4886025119029199 * y, 0.4886025119029199 * z
        values[3] = -0.4886025119029199 * x
    if len(values) > 4:
        cosine, sine = x * x - y * y, 2.0 * x * y
        values[4], values[8] = 0.5462742152960395 * sine, 0.5462742152960395 * cosine
        values[5], values[7] = -1.0925484305920792 * y * z, -1.0925484305920792 * x * z
        values[6] = 0.9461746957575601 * z * z - 0.31539156525252005
        if len(values) > 9:
            ring = 0.4570457994644658 - 2.285228997322329 * z * z
            values[9] = -0.5900435899266435 * (x * sine + y * cosine)
            values[10], values[14] = 1.445305721320277 * z * sine, 1.445305721320277 * z * cosine
            values[11], values[13] = ring * y, ring * x
            values[12] = z * (1.865881662950577 * z * z - 1.119528997770346)
            values[15] = -0.5900435899266435 * (x * cosine - y * sine)


@kernel
def _basis_backward(x, y, z, w):
    """Gradient of ``sum_k w_k Y_k`` with respect to x, y and z."""
    dx = dy = dz = 0.0
    if len(w) > 1:
        dx, dy, dz = (
            -0.4886025119029199 * w[3],
            -0.4886025119029199 * w[1],
            0.4886025119029199 * w[2],
        )
    if len(w) > 4:
        a, b = 1.0925484305920792, 1.8923493915151202
        dx += a * (w[4] * y - w[7] * z + w[8] * x)
        dy += a * (w[4] * x - w[5] * z - w[8] * y)
        dz += -a * (w[5] * y + w[7] * x) + b * w[6] * z
        if len(w) > 9:
            cosine, sine = x * x - y * y, 2.0 * x * y
            ring, slope = 0.4570457994644658 - 2.285228997322329 * z * z, -4.570457994644658 * z
            a, b = 3.0 * -0.5900435899266435, 1.445305721320277
            dx += a * (w[9] * sine + w[15] * cosine) + 2.0 * b * z * (w[10] * y + w[14] * x)
            dy += a * (w[9] * cosine - w[15] * sine) + 2.0 * b * z * (w[10] * x - w[14] * y)
            dx += ring * w[13]
            dy += ring * w[11]
            dz += b * (w[10] * sine + w[14] * cosine) + slope * (w[11] * y + w[13] * x)
            dz += w[12] * (3.0 * 1.865881662950577 * z * z - 1.119528997770346)
    return dx, dy, dz


@kernel
def _forward(coefficients, means, centre, colors, start, stop):
    """Colours of Gaussians [start, stop)."""
    count = coefficients.shape[1]
    values = np.empty(count)
    for n in range(start, stop):
        x, y, z, _ = _direction(means, centre, n)
        _basis(x, y, z, values)
        for c in range(colors.shape[1]):
            color = 0.5
            for k in range(count):
                color += values[k] * coefficients[n, k, c]
            colors[n, c] = max(color, 0.0)


@kernel
def _backward(
    coefficients, means, centre, given, colors, to_coefficients, to_means, start, stop
):  # fmt: skip
    """Gradients of Gaussians [start, stop); a colour that is black has none."""
    count = coefficients.shape[1]
    values, weights = np.empty(count), np.empty(count)
    for n in range(start, stop):
        x, y, z, inverse = _direction(means, centre, n)
        _basis(x, y, z, values)
        weights[:] = 0.0
        for k in range(count):
            for c in range(colors.shape[1]):
                gradient = given[n, c] if colors[n, c] > 0.0 else 0.0
                to_coefficients[n, k, c] = values[k] * gradient
                weights[k] += coefficients[n, k, c] * gradient
        dx, dy, dz = _basis_backward(x, y, z, weights)
        along = dx * x + dy * y + dz * z
        to_means[n, 0] = (dx - along * x) * inverse
        to_means[n, 1] = (dy - along * y) * inverse
        to_means[n, 2] = (dz - along * z) * inverse
