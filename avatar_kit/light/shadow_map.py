"""Which parts of a body its own light reaches: a shadow map of the mesh."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.graphics import nearest_depth
from avatar_kit.graphics.jit import in_parallel, kernel
from avatar_kit.scene import PosedBody


@torch.no_grad()
def lit_vertices(
    body: PosedBody, direction: Tensor, *, size: int = 192, bias: float = 0.03
) -> Tensor:
    """How much of a distant light reaches every vertex past the rest of the body.

    The mesh is drawn along the light, and each vertex compares its distance with the nearest
    surface in 3 x 3 cells around it. No gradient.

    Args:
        body: B posed bodies.
        direction: [3] unit vector towards the light.
        size: Side of the shadow map in pixels.
        bias: Metres that a surface may lie behind the nearest one and still be lit: it keeps
            surfaces from shading themselves.

    Returns:
        [B, V] in [0, 1]: 0 in full shadow, 1 lit.
    """
    axes = torch.stack([*_axes(direction), -direction], dim=1)
    placed = body.vertices @ axes
    plane, depth = placed[..., :2], placed[..., 2]  # smaller is nearer to the light
    low, high = plane.amin(1, keepdim=True), plane.amax(1, keepdim=True)
    extent = (high - low).amax(-1, keepdim=True).clamp(min=1e-6)
    pixels = 2 + (plane - low) / extent * (size - 4)
    nearest = nearest_depth(pixels, depth, body.topology.faces, size, size)
    look_up = _look_up if depth.device.type == "cpu" else look_up_dense
    return look_up(pixels, depth, nearest, bias)


def look_up_dense(pixels: Tensor, depth: Tensor, nearest: Tensor, bias: float) -> Tensor:
    """Share of 3 x 3 cells of a shadow map in which points are lit, in plain torch.

    For CUDA, and the twin that tests compare with.

    Args:
        pixels: [B, V, 2] places on the map.
        depth: [B, V] distance along the light.
        nearest: [B, S, S] nearest distance in each cell, infinite where nothing is.
        bias: How much farther a point may be and still be lit.

    Returns:
        [B, V] in [0, 1].
    """
    size = nearest.shape[-1]
    column, row = (pixels - 0.5).round().long().unbind(-1)
    lit = torch.zeros_like(depth)
    batch = torch.arange(len(pixels), device=pixels.device)[:, None]
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            y, x = (row + dy).clamp(0, size - 1), (column + dx).clamp(0, size - 1)
            lit += (depth < nearest[batch, y, x] + bias).to(depth.dtype)
    return lit / 9


def _look_up(pixels: Tensor, depth: Tensor, nearest: Tensor, bias: float) -> Tensor:
    lit = torch.empty_like(depth)
    given = [value.detach().contiguous().numpy() for value in (pixels, depth, nearest)]
    room = given[1].dtype.type(bias)
    in_parallel(
        _look_up_one, [(*(v[b] for v in given), room, lit[b].numpy()) for b in range(len(lit))]
    )
    return lit


@kernel
def _look_up_one(pixels, depth, nearest, bias, lit):
    size = nearest.shape[0]
    for v in range(depth.shape[0]):
        column, row = int(np.rint(pixels[v, 0] - 0.5)), int(np.rint(pixels[v, 1] - 0.5))
        count = 0
        for dy in range(-1, 2):
            y = min(max(row + dy, 0), size - 1)
            for dx in range(-1, 2):
                x = min(max(column + dx, 0), size - 1)
                if depth[v] < nearest[y, x] + bias:
                    count += 1
        lit[v] = count / 9


@torch.no_grad()
def lit_points(
    points: Tensor,
    normals: Tensor,
    direction: Tensor,
    *,
    casters: Tensor | None = None,
    cell: float = 0.01,
    bias: float = 0.03,
) -> Tensor:
    """How much of a distant light reaches points of a surface, judged by the points alone.

    For surfaces that are there as points only, such as Gaussians. In each cell across the light the
    nearest point is the surface; a point compares with 3 x 3 cells around it, with more room the
    more its surface slopes. Where points are farther apart than a cell, light leaks through. No
    gradient.

    Args:
        points: [B, N, 3] world metres.
        normals: [B, N, 3] unit normals of the surface.
        direction: [3] unit vector towards the light.
        casters: [N] bool, the points that keep light from others; None: all.
        cell: Side of a cell in metres.
        bias: Metres that a point may lie behind the nearest one and still be lit.

    Returns:
        [B, N] in [0, 1]: 0 in full shadow, 1 lit.
    """
    across, up = _axes(direction)
    plane = torch.stack([points @ across, points @ up], dim=-1)
    depth = -(points @ direction)
    at = ((plane - plane.amin(1, keepdim=True)) / cell).long() + 1  # a border of empty cells
    width, height = (int(n) + 2 for n in at.amax((0, 1)))
    batch = torch.arange(len(points), device=points.device)[:, None]
    index = (batch * height + at[..., 1]) * width + at[..., 0]
    nearest = depth.new_full((len(points) * height * width,), torch.inf)
    chosen = slice(None) if casters is None else casters
    nearest.scatter_reduce_(0, index[:, chosen].flatten(), depth[:, chosen].flatten(), "amin")
    cosine = (normals @ direction).clamp(min=0.1)
    room = bias + 1.5 * cell * (1 - cosine.square()).clamp(min=0).sqrt() / cosine
    lit = torch.zeros_like(depth)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            lit += (depth < nearest[index + dy * width + dx] + room).to(depth.dtype)
    return lit / 9


def _axes(direction: Tensor) -> tuple[Tensor, Tensor]:
    """Two unit vectors across a direction."""
    helper = torch.zeros_like(direction)
    helper[direction.abs().argmin()] = 1
    across = F.normalize(torch.linalg.cross(direction, helper), dim=0)
    return across, torch.linalg.cross(direction, across)
