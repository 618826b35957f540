"""The CPU kernels of :meth:`Attachment.carry`, forwards and backwards.

A Gaussian is one short program in double precision. Threads take spans of Gaussians; what a body
receives is summed by one thread for each frame, so no result depends on the number of threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from avatar_kit.graphics.jit import blank, in_parallel, kernel, spans, threads
from avatar_kit.graphics.quaternion_kernels import quaternion_backward, rotation_of

if TYPE_CHECKING:
    from avatar_kit.gaussians.attachment import Attachment


def carry(ties: Attachment, *given: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Means [B, N, 3], normals [B, N, 3], covariances [B, N, 3, 3].

    Args:
        ties: How the Gaussians hang on the body.
        given: Vertices [B, V, 3], normals [B, V, 3], turns of the bones [B, J, 3, 3], offsets
            [N, 3], quaternions [N, 4], logarithms of scales [N, 3]; all on the CPU.
    """
    dtype = torch.promote_types(given[0].dtype, torch.float32)
    found: tuple[Tensor, Tensor, Tensor] = _Carry.apply(ties, *(v.to(dtype) for v in given))
    return found


class _Carry(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
        ties, *tensors = inputs
        arrays = _arrays(tensors)
        batch, count, kind = len(arrays[0]), len(arrays[3]), arrays[0].dtype
        means, normals = (np.empty((batch, count, 3), kind) for _ in range(2))
        covariances = np.empty((batch, count, 3, 3), kind)
        fixed, out = _fixed(ties), (means, normals, covariances)
        calls = [(*fixed, *arrays, *part, *out) for part in spans(count, threads())]
        in_parallel(_forward, calls)
        ctx.save_for_backward(*tensors)
        ctx.ties = ties
        ctx.set_materialize_grads(False)
        return torch.from_numpy(means), torch.from_numpy(normals), torch.from_numpy(covariances)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        arrays = _arrays(ctx.saved_tensors)
        batch, count, kind = len(arrays[0]), len(arrays[3]), arrays[0].dtype
        shapes = ((batch, count, 3), (batch, count, 3), (batch, count, 3, 3))
        given = [
            blank(shape, kind) if gradient is None else _array(gradient)
            for gradient, shape in zip(gradients, shapes, strict=True)
        ]
        of_body = any(ctx.needs_input_grad[1:4])
        rows = (batch, count) if of_body else (0, 0)
        to_surface, to_turn = np.empty((*rows, 3), kind), np.empty((*rows, 9), kind)
        own = [np.empty((count, width), kind) for width in (3, 4, 3)]
        fixed = _fixed(ctx.ties)
        parts = spans(count, threads())
        calls = [(*fixed, *arrays, *part, *given, *own, to_surface, to_turn) for part in parts]
        in_parallel(_backward, calls)
        to_body: list[np.ndarray | None] = [None] * 3
        if of_body:
            found = [blank(v.shape, kind) for v in arrays[:3]]
            in_parallel(
                _gather,
                [
                    (*fixed, given[0][b], to_surface[b], to_turn[b], *(v[b] for v in found))
                    for b in range(batch)
                ],
            )
            found[2].shape = (*found[2].shape[:2], 3, 3)
            to_body = list(found)
        results = [None if v is None else torch.from_numpy(v) for v in (*to_body, *own)]
        return (None, *results)


def _fixed(ties: Attachment) -> tuple[np.ndarray, ...]:
    # Unsigned, because signed indices cost numba a test for negative ones at every access.
    corners, bones = (_array(v).view(np.uint64) for v in (ties.corners, ties.bones))
    rest = (_array(v) for v in (ties.barycentrics, ties.offsets))
    return corners, *rest, bones, _array(ties.weights)


def _arrays(tensors: Any) -> list[np.ndarray]:
    """Vertices, normals, turns [B, J, 9], offsets, quaternions, logarithms of scales."""
    vertices, normals, turns, *own = tensors
    return [_array(v) for v in (vertices, normals, turns.flatten(2), *own)]


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()


@kernel
def _forward(
    corners, barycentrics, anchored, bones, weights, vertices, normals, turns, offsets,
    quaternions, log_scales, start, stop, means, units, covariances,
):  # fmt: skip
    """Gaussians [start, stop) of all frames."""
    room = np.empty(9)
    for n in range(start, stop):
        M = _axes(quaternions, log_scales, n)
        o = _offset(anchored, offsets, n)
        for b in range(vertices.shape[0]):
            blend = _blend(turns, b, bones, weights, n, room)
            x, y, z = _at(vertices, b, corners, barycentrics, n)
            means[b, n, 0] = x + blend[0] * o[0] + blend[1] * o[1] + blend[2] * o[2]
            means[b, n, 1] = y + blend[3] * o[0] + blend[4] * o[1] + blend[5] * o[2]
            means[b, n, 2] = z + blend[6] * o[0] + blend[7] * o[1] + blend[8] * o[2]
            x, y, z = _at(normals, b, corners, barycentrics, n)
            length = max(np.sqrt(x * x + y * y + z * z), 1e-12)
            units[b, n, 0], units[b, n, 1], units[b, n, 2] = x / length, y / length, z / length
            A = _product(blend, M)
            # entries by constants: an index into a tuple that runs costs more than all the rest
            xy = A[0] * A[3] + A[1] * A[4] + A[2] * A[5]
            xz = A[0] * A[6] + A[1] * A[7] + A[2] * A[8]
            yz = A[3] * A[6] + A[4] * A[7] + A[5] * A[8]
            covariances[b, n, 0, 0] = A[0] * A[0] + A[1] * A[1] + A[2] * A[2]
            covariances[b, n, 1, 1] = A[3] * A[3] + A[4] * A[4] + A[5] * A[5]
            covariances[b, n, 2, 2] = A[6] * A[6] + A[7] * A[7] + A[8] * A[8]
            covariances[b, n, 0, 1] = covariances[b, n, 1, 0] = xy
            covariances[b, n, 0, 2] = covariances[b, n, 2, 0] = xz
            covariances[b, n, 1, 2] = covariances[b, n, 2, 1] = yz


@kernel
def _backward(
    corners, barycentrics, anchored, bones, weights, vertices, normals, turns, offsets,
    quaternions, log_scales, start, stop, of_means, of_units, of_covariances, to_offsets,
    to_quaternions, to_log_scales, to_surface, to_turn,
):  # fmt: skip
    """Gradients of the parameters of Gaussians [start, stop).

    Where they have rows, also those of the surface's normal and of the skinning matrix, for each
    frame.
    """
    room = np.empty(9)
    for n in range(start, stop):
        turn, unit, inverse = rotation_of(quaternions, n)
        s0 = np.exp(float(log_scales[n, 0]))
        s1 = np.exp(float(log_scales[n, 1]))
        s2 = np.exp(float(log_scales[n, 2]))
        M = _scaled(turn, s0, s1, s2)
        o = _offset(anchored, offsets, n)
        sum_o = (0.0, 0.0, 0.0)
        sum_M = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        for b in range(vertices.shape[0]):
            blend = _blend(turns, b, bones, weights, n, room)
            g = (float(of_means[b, n, 0]), float(of_means[b, n, 1]), float(of_means[b, n, 2]))
            sum_o = (
                sum_o[0] + blend[0] * g[0] + blend[3] * g[1] + blend[6] * g[2],
                sum_o[1] + blend[1] * g[0] + blend[4] * g[1] + blend[7] * g[2],
                sum_o[2] + blend[2] * g[0] + blend[5] * g[1] + blend[8] * g[2],
            )
            to_A = _product(_symmetric_twice(of_covariances, b, n), _product(blend, M))
            sum_M = _plus(sum_M, _product(_transposed(blend), to_A))
            if to_turn.shape[0]:
                _put_turn(_product(to_A, _transposed(M)), g, o, to_turn, b, n)
                x, y, z = _at(normals, b, corners, barycentrics, n)
                length = max(np.sqrt(x * x + y * y + z * z), 1e-12)
                x, y, z = x / length, y / length, z / length
                h0, h1 = float(of_units[b, n, 0]), float(of_units[b, n, 1])
                h2 = float(of_units[b, n, 2])
                along = h0 * x + h1 * y + h2 * z
                to_surface[b, n, 0] = (h0 - along * x) / length
                to_surface[b, n, 1] = (h1 - along * y) / length
                to_surface[b, n, 2] = (h2 - along * z) / length
        to_offsets[n, 0], to_offsets[n, 1], to_offsets[n, 2] = sum_o
        to_log_scales[n, 0] = sum_M[0] * M[0] + sum_M[3] * M[3] + sum_M[6] * M[6]
        to_log_scales[n, 1] = sum_M[1] * M[1] + sum_M[4] * M[4] + sum_M[7] * M[7]
        to_log_scales[n, 2] = sum_M[2] * M[2] + sum_M[5] * M[5] + sum_M[8] * M[8]
        to_turned = _scaled(sum_M, s0, s1, s2)
        w, x, y, z = quaternion_backward(to_turned, unit, inverse)
        to_quaternions[n, 0], to_quaternions[n, 1] = w, x
        to_quaternions[n, 2], to_quaternions[n, 3] = y, z


@kernel
def _gather(
    corners, barycentrics, anchored, bones, weights, of_means, to_surface, to_turn, to_vertices,
    to_normals, to_turns,
):  # fmt: skip
    """What one frame's vertices, normals and bones receive from all Gaussians."""
    for n in range(corners.shape[0]):
        for k in range(3):
            vertex, share = corners[n, k], barycentrics[n, k]
            for i in range(3):
                to_vertices[vertex, i] += share * of_means[n, i]
                to_normals[vertex, i] += share * to_surface[n, i]
        for k in range(bones.shape[1]):
            bone, share = bones[n, k], weights[n, k]
            if share:
                for i in range(9):
                    to_turns[bone, i] += share * to_turn[n, i]


@kernel
def _blend(turns, b, bones, weights, n, m):
    """Nine entries of the skinning matrix row by row, by way of the room ``m`` for them.

    Sums in an array are made four at a time, which is twice as fast as nine variables.
    """
    m[:] = 0.0
    for k in range(bones.shape[1]):
        w = float(weights[n, k])
        if w == 0.0:  # they fall
            break
        j = bones[n, k]
        for i in range(9):
            m[i] += w * turns[b, j, i]
    return m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8]


@kernel
def _at(values, b, corners, barycentrics, n):
    """Three values given at vertices, at a Gaussian."""
    x = y = z = 0.0
    for k in range(3):
        vertex, share = corners[n, k], float(barycentrics[n, k])
        x += share * values[b, vertex, 0]
        y += share * values[b, vertex, 1]
        z += share * values[b, vertex, 2]
    return x, y, z


@kernel
def _put_turn(from_shape, g, o, to_turn, b, n):
    """Gradient of the skinning matrix: what the shape says, and the mean."""
    to_turn[b, n, 0] = from_shape[0] + g[0] * o[0]
    to_turn[b, n, 1] = from_shape[1] + g[0] * o[1]
    to_turn[b, n, 2] = from_shape[2] + g[0] * o[2]
    to_turn[b, n, 3] = from_shape[3] + g[1] * o[0]
    to_turn[b, n, 4] = from_shape[4] + g[1] * o[1]
    to_turn[b, n, 5] = from_shape[5] + g[1] * o[2]
    to_turn[b, n, 6] = from_shape[6] + g[2] * o[0]
    to_turn[b, n, 7] = from_shape[7] + g[2] * o[1]
    to_turn[b, n, 8] = from_shape[8] + g[2] * o[2]


@kernel
def _offset(anchored, offsets, n):
    return (
        float(anchored[n, 0]) + offsets[n, 0],
        float(anchored[n, 1]) + offsets[n, 1],
        float(anchored[n, 2]) + offsets[n, 2],
    )


@kernel
def _axes(quaternions, log_scales, n):
    """The rotation of a Gaussian, its columns as long as its standard deviations."""
    turn, _, _ = rotation_of(quaternions, n)
    return _scaled(
        turn,
        np.exp(float(log_scales[n, 0])),
        np.exp(float(log_scales[n, 1])),
        np.exp(float(log_scales[n, 2])),
    )


@kernel
def _scaled(m, s0, s1, s2):
    return (
        m[0] * s0, m[1] * s1, m[2] * s2, m[3] * s0, m[4] * s1, m[5] * s2,
        m[6] * s0, m[7] * s1, m[8] * s2,
    )  # fmt: skip


@kernel
def _product(a, b):
    return (
        a[0] * b[0] + a[1] * b[3] + a[2] * b[6],
        a[0] * b[1] + a[1] * b[4] + a[2] * b[7],
        a[0] * b[2] + a[1] * b[5] + a[2] * b[8],
        a[3] * b[0] + a[4] * b[3] + a[5] * b[6],
        a[3] * b[1] + a[4] * b[4] + a[5] * b[7],
        a[3] * b[2] + a[4] * b[5] + a[5] * b[8],
        a[6] * b[0] + a[7] * b[3] + a[8] * b[6],
        a[6] * b[1] + a[7] * b[4] + a[8] * b[7],
        a[6] * b[2] + a[7] * b[5] + a[8] * b[8],
    )


@kernel
def _transposed(m):
    return m[0], m[3], m[6], m[1], m[4], m[7], m[2], m[5], m[8]


@kernel
def _plus(a, b):
    return (
        a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4], a[5] + b[5],
        a[6] + b[6], a[7] + b[7], a[8] + b[8],
    )  # fmt: skip


@kernel
def _symmetric_twice(m, b, n):
    """A matrix plus its transpose."""
    xy = float(m[b, n, 0, 1]) + m[b, n, 1, 0]
    xz = float(m[b, n, 0, 2]) + m[b, n, 2, 0]
    yz = float(m[b, n, 1, 2]) + m[b, n, 2, 1]
    xx, yy, zz = 2.0 * m[b, n, 0, 0], 2.0 * m[b, n, 1, 1], 2.0 * m[b, n, 2, 2]
    return xx, xy, xz, xy, yy, yz, xz, yz, zz
