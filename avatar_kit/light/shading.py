"""What a light makes of the colours of a matt surface."""

from __future__ import annotations

from torch import Tensor

from avatar_kit.light.ambient import harmonics
from avatar_kit.scene import SurfaceLight


def surface_shade(light: SurfaceLight, normals: Tensor, lit: Tensor | None = None) -> Tensor:
    """The factors of :class:`~avatar_kit.scene.SurfaceLight`. Differentiable.

    Args:
        light: The light.
        normals: [..., 3] unit normals.
        lit: [...] in [0, 1], how much of the distant light arrives; None: all of it everywhere.

    Returns:
        [..., 3] what colours are multiplied by.
    """
    shade = 1 + harmonics(normals) @ light.ambient
    if lit is not None:
        dark = (1 - lit) * (normals @ light.direction).clamp(min=0)
        shade = shade - dark[..., None] * light.direct
    return shade.clamp(*light.limits)
