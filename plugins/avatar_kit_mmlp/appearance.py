"""What a pose makes of Gaussians in the canonical pose, and how they look from somewhere."""

from __future__ import annotations

import torch
from torch import Tensor

from avatar_kit.graphics import spherical_harmonics

#: The spherical harmonic of degree 0.
DEGREE_0 = 0.28209479177387814

#: Metres that a Gaussian may move away from where its control points carry it.
REACH = 0.008


def canonical_means(base: Tensor, carried: Tensor, free: Tensor) -> Tensor:
    """Means in the canonical pose, metres.

    Args:
        base: [N, 3] where the Gaussians were put.
        carried: [B, N, 3] mean offset of the control points around each.
        free: [N, 3] learned, without unit: ``tanh`` limits the shift to :data:`REACH`.

    Returns:
        [B, N, 3].
    """
    return base + carried + REACH * torch.tanh(free)


def with_basis(values: Tensor, coefficients: Tensor, basis: Tensor) -> Tensor:
    """Values plus a combination of basis vectors.

    Args:
        values: [N, D].
        coefficients: [B, N, C].
        basis: [N, C, D].

    Returns:
        [B, N, D].
    """
    if len(coefficients) == 1:
        return torch.baddbmm(values[:, None], coefficients[0, :, None], basis)[None, :, 0]
    return values + torch.einsum("bnc,ncd->bnd", coefficients, basis)


def colours(sh0: Tensor, sh1: Tensor | None, means: Tensor, centre: Tensor, turn: Tensor) -> Tensor:
    """Colours by spherical harmonics of the direction that the camera is seen in.

    The direction is multiplied by the transpose of what linear blend skinning turns the Gaussian
    by, so that a highlight moves with the limb.

    Args:
        sh0: [B, N, 3] coefficients of degree 0.
        sh1: [B, N, 3, 3] coefficients of degree 1 (y, z, x) for each of three colours; None: 0.
        means: [B, N, 3] world metres.
        centre: [B, 3] of the camera.
        turn: [B, N, 3, 3] left columns of the blended transforms.

    Returns:
        [B, N, 3], 0 or more.
    """
    colour = 0.5 + DEGREE_0 * sh0
    if sh1 is not None:
        towards = (turn.mT @ (centre[:, None] - means)[..., None])[..., 0]
        harmonics = spherical_harmonics(towards, 1)[..., None, 1:]
        colour = colour + (harmonics @ sh1)[..., 0, :]
    return colour.clamp(min=0)
