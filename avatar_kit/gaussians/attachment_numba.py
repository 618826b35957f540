"""The CPU kernels of :meth:`Attachment.carry`, forwards and backwards.

A Gaussian is one short program in double precision. Threads take spans of Gaussians; what a body
receives is summed by one thread for each frame, so no result depends on the number of threads.

The kernels read arrays themselves and hand numbers to their helpers: an array that is passed on
costs more than a short helper computes (measured: carrying took 2.8 times as long).
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
        blends = np.empty((batch, count, 9), kind)
        fixed, out = _fixed(ties), (means, normals, covariances, blends)
        calls = [(*fixed, *arrays, *part, *out) for part in spans(count, threads())]
        in_parallel(_forward, calls)
        ctx.save_for_backward(*tensors)
        ctx.ties, ctx.blends = ties, blends
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
        wanted = (*own, to_surface, to_turn)
        calls = [(*fixed, *arrays, ctx.blends, *part, *given, *wanted) for part in parts]
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
            to_body = [*found[:2], found[2].reshape(batch, -1, 3, 3)]
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
    quaternions, log_scales, start, stop, means, units, covariances, blends,
):  # fmt: skip
    """Gaussians [start, stop) of all frames, and their skinning matrices [B, N, 9]."""
    for n in range(start, stop):
        M, _, _ = _axes(
            quaternions[n, 0], quaternions[n, 1], quaternions[n, 2], quaternions[n, 3],
            log_scales[n, 0], log_scales[n, 1], log_scales[n, 2],
        )  # fmt: skip
        o0 = float(anchored[n, 0]) + offsets[n, 0]
        o1 = float(anchored[n, 1]) + offsets[n, 1]
        o2 = float(anchored[n, 2]) + offsets[n, 2]
        i, j, k = corners[n, 0], corners[n, 1], corners[n, 2]
        u, v, w = float(barycentrics[n, 0]), float(barycentrics[n, 1]), float(barycentrics[n, 2])
        for b in range(vertices.shape[0]):
            f0 = f1 = f2 = f3 = f4 = f5 = f6 = f7 = f8 = 0.0
            for m in range(bones.shape[1]):
                share = float(weights[n, m])
                if share == 0.0:  # they fall
                    break
                bone = bones[n, m]
                f0 += share * turns[b, bone, 0]
                f1 += share * turns[b, bone, 1]
                f2 += share * turns[b, bone, 2]
                f3 += share * turns[b, bone, 3]
                f4 += share * turns[b, bone, 4]
                f5 += share * turns[b, bone, 5]
                f6 += share * turns[b, bone, 6]
                f7 += share * turns[b, bone, 7]
                f8 += share * turns[b, bone, 8]
            x = u * vertices[b, i, 0] + v * vertices[b, j, 0] + w * vertices[b, k, 0]
            y = u * vertices[b, i, 1] + v * vertices[b, j, 1] + w * vertices[b, k, 1]
            z = u * vertices[b, i, 2] + v * vertices[b, j, 2] + w * vertices[b, k, 2]
            means[b, n, 0] = x + f0 * o0 + f1 * o1 + f2 * o2
            means[b, n, 1] = y + f3 * o0 + f4 * o1 + f5 * o2
            means[b, n, 2] = z + f6 * o0 + f7 * o1 + f8 * o2
            x = u * normals[b, i, 0] + v * normals[b, j, 0] + w * normals[b, k, 0]
            y = u * normals[b, i, 1] + v * normals[b, j, 1] + w * normals[b, k, 1]
            z = u * normals[b, i, 2] + v * normals[b, j, 2] + w * normals[b, k, 2]
            length = max(np.sqrt(x * x + y * y + z * z), 1e-12)
            units[b, n, 0], units[b, n, 1], units[b, n, 2] = x / length, y / length, z / length
            blends[b, n, 0], blends[b, n, 1], blends[b, n, 2] = f0, f1, f2
            blends[b, n, 3], blends[b, n, 4], blends[b, n, 5] = f3, f4, f5
            blends[b, n, 6], blends[b, n, 7], blends[b, n, 8] = f6, f7, f8
            A = _product((f0, f1, f2, f3, f4, f5, f6, f7, f8), M)
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
    quaternions, log_scales, blends, start, stop, of_means, of_units, of_covariances, to_offsets,
    to_quaternions, to_log_scales, to_surface, to_turn,
):  # fmt: skip
    """Gradients of the parameters of Gaussians [start, stop).

    Where they have rows, also those of the surface's normal and of the skinning matrix, for each
    frame.
    """
    for n in range(start, stop):
        M, unit, inverse = _axes(
            quaternions[n, 0], quaternions[n, 1], quaternions[n, 2], quaternions[n, 3],
            log_scales[n, 0], log_scales[n, 1], log_scales[n, 2],
        )  # fmt: skip
        o0 = float(anchored[n, 0]) + offsets[n, 0]
        o1 = float(anchored[n, 1]) + offsets[n, 1]
        o2 = float(anchored[n, 2]) + offsets[n, 2]
        to_o0 = to_o1 = to_o2 = 0.0
        to_M = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        for b in range(vertices.shape[0]):
            f0, f1, f2 = float(blends[b, n, 0]), float(blends[b, n, 1]), float(blends[b, n, 2])
            f3, f4, f5 = float(blends[b, n, 3]), float(blends[b, n, 4]), float(blends[b, n, 5])
            f6, f7, f8 = float(blends[b, n, 6]), float(blends[b, n, 7]), float(blends[b, n, 8])
            g0, g1, g2 = (
                float(of_means[b, n, 0]),
                float(of_means[b, n, 1]),
                float(of_means[b, n, 2]),
            )
            to_o0 += f0 * g0 + f3 * g1 + f6 * g2
            to_o1 += f1 * g0 + f4 * g1 + f7 * g2
            to_o2 += f2 * g0 + f5 * g1 + f8 * g2
            # a covariance's gradient plus its transpose
            xx, yy = 2.0 * of_covariances[b, n, 0, 0], 2.0 * of_covariances[b, n, 1, 1]
            zz = 2.0 * of_covariances[b, n, 2, 2]
            xy = float(of_covariances[b, n, 0, 1]) + of_covariances[b, n, 1, 0]
            xz = float(of_covariances[b, n, 0, 2]) + of_covariances[b, n, 2, 0]
            yz = float(of_covariances[b, n, 1, 2]) + of_covariances[b, n, 2, 1]
            F = (f0, f1, f2, f3, f4, f5, f6, f7, f8)
            to_A = _product((xx, xy, xz, xy, yy, yz, xz, yz, zz), _product(F, M))
            to_M = _plus(to_M, _product((f0, f3, f6, f1, f4, f7, f2, f5, f8), to_A))
            if to_turn.shape[0]:
                T = _product(to_A, (M[0], M[3], M[6], M[1], M[4], M[7], M[2], M[5], M[8]))
                to_turn[b, n, 0], to_turn[b, n, 1] = T[0] + g0 * o0, T[1] + g0 * o1
                to_turn[b, n, 2], to_turn[b, n, 3] = T[2] + g0 * o2, T[3] + g1 * o0
                to_turn[b, n, 4], to_turn[b, n, 5] = T[4] + g1 * o1, T[5] + g1 * o2
                to_turn[b, n, 6], to_turn[b, n, 7] = T[6] + g2 * o0, T[7] + g2 * o1
                to_turn[b, n, 8] = T[8] + g2 * o2
                x = y = z = 0.0
                for c in range(3):
                    vertex, share = corners[n, c], float(barycentrics[n, c])
                    x += share * normals[b, vertex, 0]
                    y += share * normals[b, vertex, 1]
                    z += share * normals[b, vertex, 2]
                length = max(np.sqrt(x * x + y * y + z * z), 1e-12)
                x, y, z = x / length, y / length, z / length
                h0, h1 = float(of_units[b, n, 0]), float(of_units[b, n, 1])
                h2 = float(of_units[b, n, 2])
                along = h0 * x + h1 * y + h2 * z
                to_surface[b, n, 0] = (h0 - along * x) / length
                to_surface[b, n, 1] = (h1 - along * y) / length
                to_surface[b, n, 2] = (h2 - along * z) / length
        to_offsets[n, 0], to_offsets[n, 1], to_offsets[n, 2] = to_o0, to_o1, to_o2
        to_log_scales[n, 0] = to_M[0] * M[0] + to_M[3] * M[3] + to_M[6] * M[6]
        to_log_scales[n, 1] = to_M[1] * M[1] + to_M[4] * M[4] + to_M[7] * M[7]
        to_log_scales[n, 2] = to_M[2] * M[2] + to_M[5] * M[5] + to_M[8] * M[8]
        s0, s1 = np.exp(float(log_scales[n, 0])), np.exp(float(log_scales[n, 1]))
        s2 = np.exp(float(log_scales[n, 2]))
        to_w, to_x, to_y, to_z = quaternion_backward(_scaled(to_M, s0, s1, s2), unit, inverse)
        to_quaternions[n, 0], to_quaternions[n, 1] = to_w, to_x
        to_quaternions[n, 2], to_quaternions[n, 3] = to_y, to_z


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
def _axes(w, x, y, z, log_s0, log_s1, log_s2):
    """The rotation of a Gaussian, its columns as long as its standard deviations.

    Then its unit quaternion, and one over the norm of the given one.
    """
    turn, unit, inverse = rotation_of(w, x, y, z)
    s0, s1, s2 = np.exp(float(log_s0)), np.exp(float(log_s1)), np.exp(float(log_s2))
    return _scaled(turn, s0, s1, s2), unit, inverse


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
def _plus(a, b):
    return (
        a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4], a[5] + b[5],
        a[6] + b[6], a[7] + b[7], a[8] + b[8],
    )  # fmt: skip
