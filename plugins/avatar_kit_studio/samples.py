"""What the surfaces of the studio share: samples, and small functions of their patterns."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from avatar_kit.graphics.jit import kernel


class Samples(NamedTuple):
    """What surfaces read and write, one row for each of N covered samples.

    Attributes:
        surface: [N, 3] rest position on the skin, metres: the coordinates of all patterns.
        values: [N, 7] the columns a vertex carries.
        normal: [N, 3] unit normals towards the camera; surfaces tilt them.
        albedo: [N, 3] linear colour, written.
        gloss: [N, 2] strength and exponent of the highlight, written.
        footprint: Width of a sample in metres; detail finer than it is faded out.
    """

    surface: np.ndarray
    values: np.ndarray
    normal: np.ndarray
    albedo: np.ndarray
    gloss: np.ndarray
    footprint: float


@kernel
def step(a, b, x):
    """Smooth step from 0 at ``a`` to 1 at ``b``."""
    t = max(0.0, min(1.0, (x - a) / (b - a)))
    return t * t * (3 - 2 * t)


@kernel
def segment(px, py, ax, ay, bx, by):
    """Distance of a point from a segment, and where along it (0 to 1)."""
    dx, dy = bx - ax, by - ay
    t = ((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy + 1e-12)
    t = max(0.0, min(1.0, t))
    ex, ey = px - ax - t * dx, py - ay - t * dy
    return math.sqrt(ex * ex + ey * ey), t


@kernel
def tilt(normal, i, dx, dy, dz):
    """Lean a normal against the gradient of a bump and make it unit again."""
    nx, ny, nz = normal[i, 0] - dx, normal[i, 1] - dy, normal[i, 2] - dz
    s = 1.0 / math.sqrt(nx * nx + ny * ny + nz * nz + 1e-12)
    normal[i, 0], normal[i, 1], normal[i, 2] = nx * s, ny * s, nz * s
