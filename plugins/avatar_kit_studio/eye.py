"""What an eye seen from close by has and a ball has not: a cornea, a rim, the shade of the lid."""

from __future__ import annotations

import numpy as np

from avatar_kit_studio.samples import Samples

#: Half the angle that the iris takes of the eyeball, radians.
_IRIS = 0.45


def moisten(
    rows: np.ndarray, samples: Samples, centres: np.ndarray, axes: np.ndarray, cornea: float
) -> None:
    """Bend the normals over the iris, darken its rim, and shade the ball below the upper lid.

    Args:
        rows: [n] samples that are eyes.
        samples: All samples; normals and colours of these are changed.
        centres: [2, 3] of the left and the right eye, at rest, metres.
        axes: [2, 3] unit, forward, at rest.
        cornea: How much more the cornea bends than the ball.
    """
    for side in range(2):
        own = rows[(samples.surface[rows, 0] > 0) == (side == 0)]
        if len(own) < 3:
            continue
        at_rest = samples.surface[own] - centres[side]
        at_rest /= np.linalg.norm(at_rest, axis=1, keepdims=True)
        normal = samples.normal[own].astype(np.float64)
        axis = _rotation(at_rest, normal) @ axes[side]
        angle = np.arccos(np.clip(at_rest @ axes[side], -1, 1))
        away = normal - (normal @ axis)[:, None] * axis
        away /= np.linalg.norm(away, axis=1, keepdims=True) + 1e-9
        inside = np.clip((_IRIS + 0.05 - angle) / 0.1, 0, 1)
        bent = angle + cornea * angle * inside
        normal = np.cos(bent)[:, None] * axis + np.sin(bent)[:, None] * away
        samples.normal[own] = normal
        # the limbus, a deeper iris than a painted one, and the shade of lid and lashes
        iris = np.clip((_IRIS - angle) / 0.06, 0, 1)
        lid = np.clip((samples.normal[own, 1] - 0.02 * inside) / 0.35, 0, 1) ** 1.5
        samples.albedo[own] *= ((1 - 0.42 * iris) * (1 - 0.55 * lid))[:, None]
        samples.gloss[own] = 0.6, 300.0


def _rotation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[3, 3] the rotation that carries unit vectors [n, 3] closest to others (Kabsch)."""
    u, _, v = np.linalg.svd(b.T @ a)
    return u @ np.diag([1.0, 1.0, np.linalg.det(u @ v)]) @ v
