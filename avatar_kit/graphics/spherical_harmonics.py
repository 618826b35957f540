"""Colours that depend on the direction they are seen from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.graphics.harmonic_numba import HarmonicColors

if TYPE_CHECKING:
    from avatar_kit.scene.camera import Camera

#: Highest degree.
DEGREE = 3


def spherical_harmonics(directions: Tensor, degree: int) -> Tensor:
    """The real spherical harmonics, orthonormal on the sphere, in the order and signs of gsplat.

    Args:
        directions: [..., 3], of any length; 0 for a vector of length 0.
        degree: 0 to 3.

    Returns:
        [..., (degree + 1)^2]. Differentiable.

    Raises:
        ValueError: The degree is not 0 to 3.
    """
    if not 0 <= degree <= DEGREE:
        raise ValueError(f"spherical harmonics are there for degrees 0 to {DEGREE}, not {degree}")
    x, y, z = F.normalize(directions, dim=-1).unbind(-1)
    values = [torch.full_like(x, 0.28209479177387814)]
    if degree > 0:
        values += [-0.4886025119029199 * y, 0.4886025119029199 * z, -0.4886025119029199 * x]
    if degree > 1:
        zz, cosine, sine = z * z, x * x - y * y, 2 * x * y
        values += [
            0.5462742152960395 * sine,
            -1.0925484305920792 * y * z,
            0.9461746957575601 * zz - 0.31539156525252005,
            -1.0925484305920792 * x * z,
            0.5462742152960395 * cosine,
        ]
    if degree > 2:
        ring = 0.4570457994644658 - 2.285228997322329 * zz
        values += [
            -0.5900435899266435 * (x * sine + y * cosine),
            1.445305721320277 * z * sine,
            ring * y,
            z * (1.865881662950577 * zz - 1.119528997770346),
            ring * x,
            1.445305721320277 * z * cosine,
            -0.5900435899266435 * (x * cosine - y * sine),
        ]
    return torch.stack(values, -1)


def harmonic_colors(coefficients: Tensor, means: Tensor, camera: Camera) -> Tensor:
    """Colours of Gaussians as a camera sees them: ``max(0, sum_k c_k Y_k + 0.5)``.

    Args:
        coefficients: [B, N, K, C] with K = 1, 4, 9 or 16, for degrees 0 to 3.
        means: [B, N, 3] world metres.
        camera: One, or one for each of the B clouds.

    Returns:
        [B, N, C], 0 or more, at least float32. Differentiable, also with respect to means and
        camera, through the direction from the camera's centre to the mean.

    Raises:
        ValueError: K is not one of these numbers.
    """
    count = coefficients.shape[2]
    degree = round(count**0.5) - 1
    if (degree + 1) ** 2 != count or degree > DEGREE:
        raise ValueError(f"spherical harmonics have 1, 4, 9 or 16 coefficients, not {count}")
    dtype = torch.promote_types(coefficients.dtype, torch.float32)
    batch = len(coefficients)
    centres = camera.expand(batch).position.to(dtype)
    if coefficients.device.type == "cpu":
        colors: Tensor = HarmonicColors.apply(coefficients.to(dtype), means.to(dtype), centres)
        return colors
    return colors_dense(coefficients.to(dtype), means.to(dtype), centres)


def colors_dense(coefficients: Tensor, means: Tensor, centres: Tensor) -> Tensor:
    """:func:`harmonic_colors` in plain torch: for CUDA, and the twin that tests use.

    Args:
        coefficients: [B, N, K, C].
        means: [B, N, 3].
        centres: [B, 3] of the cameras.

    Returns:
        [B, N, C].
    """
    degree = round(coefficients.shape[2] ** 0.5) - 1
    values = spherical_harmonics(means - centres[:, None], degree)
    return ((values[:, :, None] @ coefficients)[:, :, 0] + 0.5).clamp(min=0)
