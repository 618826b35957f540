"""Normals of a mesh."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from avatar_kit.graphics.jit import blank, in_parallel, kernel

#: Below this length, in square metres, a sum of triangle normals has no direction.
_SHORTEST = 1e-20


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Unit vertex normals, each the area-weighted mean of its triangles' normals.

    Args:
        vertices: [B, V, 3].
        faces: [F, 3] vertex indices, counter-clockwise seen from outside.

    Returns:
        [B, V, 3] pointing outside; 0 for vertices of no triangle. Differentiable.
    """
    if vertices.device.type != "cpu":
        return normals_dense(vertices, faces)
    wide = vertices if vertices.dtype == torch.float64 else vertices.float()
    normals: Tensor = _Normals.apply(wide, faces)
    return normals.to(vertices.dtype)


def normals_dense(vertices: Tensor, faces: Tensor) -> Tensor:
    """:func:`vertex_normals` in plain torch: for CUDA, and the twin that tests compare with."""
    batch, count, _ = vertices.shape
    frame = torch.arange(batch, device=vertices.device)[:, None] * count
    index = (faces.reshape(1, -1) + frame).reshape(-1)  # one flat table: torch adds to it fastest
    corners = vertices.reshape(-1, 3).index_select(0, index).unflatten(0, (-1, 3))
    first, second, third = corners.unbind(1)
    normals = torch.linalg.cross(second - first, third - first, dim=-1)  # twice the area long
    spread = normals[:, None].expand_as(corners).flatten(0, 1)
    sums = vertices.new_zeros(batch * count, 3).index_add(0, index, spread)
    return F.normalize(sums, dim=-1, eps=_SHORTEST).view_as(vertices)


class _Normals(torch.autograd.Function):
    """One thread sums a frame, so the result does not depend on their number."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        vertices, faces = inputs
        places, corners = _array(vertices), _array(faces)
        normals, lengths = np.empty_like(places), np.empty(places.shape[:2], places.dtype)
        calls = [(places[b], corners, normals[b], lengths[b]) for b in range(len(places))]
        in_parallel(_forward, calls)
        found = torch.from_numpy(normals)
        ctx.save_for_backward(vertices, faces, found)
        ctx.lengths = lengths
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        places, corners, normals = (_array(v) for v in ctx.saved_tensors)
        given = _array(gradients[0])
        found = blank(places.shape, places.dtype)
        frames = (places, normals, ctx.lengths, given, found)
        calls = [(corners, *(v[b] for v in frames)) for b in range(len(places))]
        in_parallel(_backward, calls)
        return torch.from_numpy(found), None


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()


@kernel
def _forward(vertices, faces, normals, lengths):
    sums = np.zeros(vertices.shape)
    for f in range(faces.shape[0]):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        e, g = _edge(vertices, i, j), _edge(vertices, i, k)
        n = _cross(e, g)
        for axis in range(3):
            sums[i, axis] += n[axis]
            sums[j, axis] += n[axis]
            sums[k, axis] += n[axis]
    for v in range(vertices.shape[0]):
        length = np.sqrt(sums[v, 0] ** 2 + sums[v, 1] ** 2 + sums[v, 2] ** 2)
        lengths[v] = length
        for axis in range(3):
            normals[v, axis] = sums[v, axis] / max(length, _SHORTEST)


@kernel
def _backward(faces, vertices, normals, lengths, given, to_vertices):
    sums, out = np.zeros(vertices.shape), np.zeros(vertices.shape)
    for v in range(vertices.shape[0]):
        along = 0.0
        for axis in range(3):
            along += float(normals[v, axis]) * given[v, axis]
        if lengths[v] < _SHORTEST:
            along = 0.0
        for axis in range(3):
            across = given[v, axis] - along * normals[v, axis]
            sums[v, axis] = across / max(lengths[v], _SHORTEST)
    for f in range(faces.shape[0]):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        e, g = _edge(vertices, i, j), _edge(vertices, i, k)
        n = (
            sums[i, 0] + sums[j, 0] + sums[k, 0],
            sums[i, 1] + sums[j, 1] + sums[k, 1],
            sums[i, 2] + sums[j, 2] + sums[k, 2],
        )
        to_e, to_g = _cross(g, n), _cross(n, e)
        for axis in range(3):
            out[j, axis] += to_e[axis]
            out[k, axis] += to_g[axis]
            out[i, axis] -= to_e[axis] + to_g[axis]
    to_vertices[:] = out


@kernel
def _edge(vertices, i, j):
    return (
        float(vertices[j, 0]) - vertices[i, 0],
        float(vertices[j, 1]) - vertices[i, 1],
        float(vertices[j, 2]) - vertices[i, 2],
    )


@kernel
def _cross(a, b):
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )
