"""Strands of hair as triangles that face the camera."""

from __future__ import annotations

import numpy as np

from avatar_kit.graphics.jit import kernel


@kernel
def ribbons(points, eye, width, least):
    """Camera-facing ribbons.

    Args:
        points: [S, P, 3] posed strand points.
        eye: [3] camera centre.
        width: Metres at the root; a third of it at the tip.
        least: Least width in metres, so that thin strands do not flicker between samples.

    Returns:
        Vertices [S, P, 2, 3], tangents [S, P, 2, 3].
    """
    s, p = points.shape[:2]
    out = np.empty((s, p, 2, 3), np.float32)
    tangents = np.empty((s, p, 2, 3), np.float32)
    for i in range(s):
        for k in range(p):
            a = points[i, max(k - 1, 0)]
            b = points[i, min(k + 1, p - 1)]
            c = points[i, k]
            tx, ty, tz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
            n = np.sqrt(tx * tx + ty * ty + tz * tz) + 1e-9
            tx, ty, tz = tx / n, ty / n, tz / n
            vx, vy, vz = eye[0] - c[0], eye[1] - c[1], eye[2] - c[2]
            sx, sy, sz = ty * vz - tz * vy, tz * vx - tx * vz, tx * vy - ty * vx
            n = np.sqrt(sx * sx + sy * sy + sz * sz) + 1e-9
            fade = k / (p - 1)
            half = 0.5 * max(width * (1 - 0.67 * fade), least * (1 - 0.5 * fade * fade)) / n
            for e in range(2):
                sign = half if e == 0 else -half
                out[i, k, e, 0] = c[0] + sign * sx
                out[i, k, e, 1] = c[1] + sign * sy
                out[i, k, e, 2] = c[2] + sign * sz
                tangents[i, k, e, 0] = tx
                tangents[i, k, e, 1] = ty
                tangents[i, k, e, 2] = tz
    return out, tangents


def ribbon_faces(strands: int, points: int) -> np.ndarray:
    """[F, 3] triangles of :func:`ribbons`' vertices."""
    base = (np.arange(strands)[:, None] * points + np.arange(points - 1)[None]).reshape(-1, 1) * 2
    one, other = np.array([0, 1, 2]), np.array([1, 3, 2])
    return np.concatenate([base + one, base + other]).astype(np.int32)
