"""Normals of a mesh."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Unit vertex normals, each the area-weighted mean of its triangles' normals.

    Args:
        vertices: [B, V, 3].
        faces: [F, 3] vertex indices, counter-clockwise seen from outside.

    Returns:
        [B, V, 3] pointing outside; 0 for vertices of no triangle. Differentiable.
    """
    batch, count, _ = vertices.shape
    frame = torch.arange(batch, device=vertices.device)[:, None] * count
    index = (faces.reshape(1, -1) + frame).reshape(-1)  # one flat table: torch adds to it fastest
    corners = vertices.reshape(-1, 3).index_select(0, index).unflatten(0, (-1, 3))
    first, second, third = corners.unbind(1)
    normals = torch.linalg.cross(second - first, third - first, dim=-1)  # twice the area long
    spread = normals[:, None].expand_as(corners).flatten(0, 1)
    sums = vertices.new_zeros(batch * count, 3).index_add(0, index, spread)
    return F.normalize(sums, dim=-1, eps=1e-20).view_as(vertices)
