"""Spatial noise, in numba: the grain of skin, cloth and hair."""

from __future__ import annotations

import math

import numpy as np

from avatar_kit.graphics.jit import kernel


@kernel
def hash01(x: int, y: int, z: int) -> float:
    """A number in [0, 1) that depends on three integers only."""
    h = (x * 374761393 + y * 668265263 + z * 2147483647 + 1013904223) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0xFFFFFFFF
    h = ((h ^ (h >> 15)) * 2246822519) & 0xFFFFFFFF
    return ((h ^ (h >> 16)) & 0xFFFFFF) / 16777216.0


@kernel
def value_noise(x: float, y: float, z: float) -> float:
    """Smooth noise in [-1, 1] whose grains are one unit wide."""
    ix, iy, iz = math.floor(x), math.floor(y), math.floor(z)
    fx, fy, fz = x - ix, y - iy, z - iz
    i, j, k = int(ix), int(iy), int(iz)
    ux = fx * fx * fx * (fx * (fx * 6 - 15) + 10)
    uy = fy * fy * fy * (fy * (fy * 6 - 15) + 10)
    uz = fz * fz * fz * (fz * (fz * 6 - 15) + 10)
    low = 0.0
    high = 0.0
    for dz in range(2):
        a = hash01(i, j, k + dz)
        b = hash01(i + 1, j, k + dz)
        c = hash01(i, j + 1, k + dz)
        d = hash01(i + 1, j + 1, k + dz)
        plane = (a + (b - a) * ux) * (1 - uy) + (c + (d - c) * ux) * uy
        if dz == 0:
            low = plane
        else:
            high = plane
    return 2.0 * (low + (high - low) * uz) - 1.0


@kernel
def fractal(x: float, y: float, z: float, octaves: int) -> float:
    """Sum of octaves of :func:`value_noise`, about [-1, 1]. The axes turn at every octave."""
    total, amplitude, norm = 0.0, 1.0, 0.0
    for _ in range(octaves):
        total += amplitude * value_noise(x, y, z)
        norm += amplitude
        amplitude *= 0.5
        x, y, z = (
            1.62 * x + 1.08 * z + 17.3,
            1.94 * y + 0.31 * x - 9.1,
            1.62 * z - 1.08 * x + 5.7,
        )
    return total / norm


@kernel
def ridges(points: np.ndarray, warp: float) -> np.ndarray:
    """Domain-warped ridged noise in [0, 1]: the crests of folds.

    Args:
        points: [N, 3], one unit is about the distance between folds.
        warp: How far the folds wander, in units.
    """
    out = np.empty(points.shape[0], np.float32)
    for i in range(points.shape[0]):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        a = warp * value_noise(0.7 * x + 3.1, 0.7 * y + 7.7, 0.7 * z + 1.3)
        b = warp * value_noise(0.7 * x - 8.2, 0.7 * y + 2.4, 0.7 * z - 5.9)
        crest = 1.0 - abs(value_noise(x + a, y + b, z - a))
        fine = 1.0 - abs(value_noise(1.9 * (x + b) + 11.0, 1.9 * (y + a), 1.9 * z))
        out[i] = (0.75 * crest * crest * crest + 0.25 * fine * fine) * (
            0.65 + 0.35 * value_noise(0.5 * x + 4.0, 0.5 * y, 0.5 * z)
        )
    return out
