"""Rotations of quaternions inside kernels, forwards and backwards."""

from __future__ import annotations

import numpy as np

from avatar_kit.graphics.jit import kernel


@kernel
def rotation_of(w, x, y, z):
    """Nine entries of a quaternion's rotation row by row, the unit quaternion, one over its norm.

    The quaternion may have any length but 0.
    """
    w, x, y, z = float(w), float(x), float(y), float(z)
    inverse = 1.0 / np.sqrt(w * w + x * x + y * y + z * z)
    w, x, y, z = w * inverse, x * inverse, y * inverse, z * inverse
    turn = (
        1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y),
        2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x),
        2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y),
    )  # fmt: skip
    return turn, (w, x, y, z), inverse


@kernel
def quaternion_backward(g, unit, inverse):
    """Gradient wxyz of a quaternion from that of its rotation, nine entries row by row."""
    w, x, y, z = unit
    dw = 2.0 * (x * (g[7] - g[5]) + y * (g[2] - g[6]) + z * (g[3] - g[1]))
    dx = 2.0 * (y * (g[1] + g[3]) + z * (g[2] + g[6]) + w * (g[7] - g[5]) - 2.0 * x * (g[4] + g[8]))
    dy = 2.0 * (x * (g[1] + g[3]) + z * (g[5] + g[7]) + w * (g[2] - g[6]) - 2.0 * y * (g[0] + g[8]))
    dz = 2.0 * (x * (g[2] + g[6]) + y * (g[5] + g[7]) + w * (g[3] - g[1]) - 2.0 * z * (g[0] + g[4]))
    along = dw * w + dx * x + dy * y + dz * z
    return (
        (dw - along * w) * inverse,
        (dx - along * x) * inverse,
        (dy - along * y) * inverse,
        (dz - along * z) * inverse,
    )
