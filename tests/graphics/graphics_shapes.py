"""Meshes with known geometry."""

import math

import torch
from torch import Tensor


def sphere(rings: int, radius: float = 1.0) -> tuple[Tensor, Tensor]:
    """A latitude-longitude sphere: vertices [V, 3], faces [F, 3] counter-clockwise outside."""
    theta = torch.linspace(0, math.pi, rings + 1, dtype=torch.float64)
    phi = torch.arange(2 * rings, dtype=torch.float64) * (math.pi / rings)
    t, p = torch.meshgrid(theta, phi, indexing="ij")
    vertices = torch.stack([t.sin() * p.sin(), t.cos(), t.sin() * p.cos()], -1).reshape(-1, 3)
    row, column = torch.arange(rings)[:, None], torch.arange(2 * rings)[None]
    a, b = row * 2 * rings + column, row * 2 * rings + (column + 1) % (2 * rings)
    c, d = a + 2 * rings, b + 2 * rings
    faces = torch.cat([torch.stack([a, d, b], -1), torch.stack([a, c, d], -1)]).reshape(-1, 3)
    return (radius * vertices).float(), faces


def soup(triangles: int, seed: int, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Random triangles on a picture: pixels [1, V, 2], depth [1, V] in [1, 5], faces [F, 3]."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.rand(1, 3 * triangles, 2, generator=generator) * 1.4 * size - 0.2 * size
    depth = 1 + 4 * torch.rand(1, 3 * triangles, generator=generator)
    return pixels, depth, torch.arange(3 * triangles).view(-1, 3)


def centres(height: int, width: int) -> Tensor:
    """[H, W, 2] pixel centres."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([x, y], -1).double() + 0.5
