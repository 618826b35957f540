"""What a light makes of the colours of a matt surface."""

from __future__ import annotations

import torch
from torch import Tensor

from avatar_kit.light import shading_numba
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
    arriving = torch.ones_like(normals[..., 0]) if lit is None else lit
    floats = normals.dtype == light.ambient.dtype == torch.float32
    still = not (arriving.requires_grad or light.direction.requires_grad)
    if normals.device.type == "cpu" and floats and still and normals.ndim == 3:
        values = light.direction, light.ambient, light.direct, light.limits
        return shading_numba.shade(normals, arriving, *values)
    return shade_dense(light, normals, arriving)


def shade_dense(light: SurfaceLight, normals: Tensor, lit: Tensor) -> Tensor:
    """:func:`surface_shade` in plain torch: for CUDA, and the twin that tests compare with."""
    dark = (1 - lit) * (normals @ light.direction).clamp(min=0)
    shade = 1 + harmonics(normals) @ light.ambient - dark[..., None] * light.direct
    return shade.clamp(*light.limits)
