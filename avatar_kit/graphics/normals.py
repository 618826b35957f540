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
    index = faces.reshape(-1)
    corners = vertices.index_select(1, index).unflatten(1, (-1, 3))
    first, second, third = corners.unbind(2)
    normals = torch.linalg.cross(second - first, third - first, dim=-1)  # twice the area long
    spread = normals[:, :, None].expand_as(corners).flatten(1, 2)
    return F.normalize(torch.zeros_like(vertices).index_add(1, index, spread), dim=-1, eps=1e-20)
