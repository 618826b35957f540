"""From a covariance to the axes and standard deviations of its ellipsoid."""

from __future__ import annotations

import roma
import torch
from torch import Tensor

#: Metres below which no standard deviation is given: a flat Gaussian keeps a finite logarithm.
THINNEST = 1e-7


@torch.no_grad()
def principal_axes(covariances: Tensor) -> tuple[Tensor, Tensor]:
    """Rotations and standard deviations of covariances: ``R diag(s^2) R^T``.

    Computed in float64 by eigendecomposition. The axes of a round Gaussian are arbitrary.

    Args:
        covariances: [..., 3, 3] symmetric, square metres; negative eigenvalues, which are rounding,
            count as 0.

    Returns:
        [..., 4] unit quaternions wxyz with w >= 0, of proper rotations, and [..., 3] standard
        deviations in metres, ascending, at least :data:`THINNEST`. In the precision given.

    Raises:
        ValueError: A covariance is not finite.
    """
    if not bool(covariances.isfinite().all()):
        raise ValueError("a covariance is not finite")
    wide = covariances.double()
    values, axes = torch.linalg.eigh((wide + wide.mT) / 2)
    # the sign of an axis is free: the determinant decides that of the last one
    sign = torch.linalg.det(axes).sign()
    axes = torch.cat([axes[..., :2], axes[..., 2:] * sign[..., None, None]], dim=-1)
    quaternions = roma.rotmat_to_unitquat(axes).roll(1, -1)
    quaternions = torch.where(quaternions[..., :1] < 0, -quaternions, quaternions)
    scales = values.clamp(min=THINNEST**2).sqrt()
    return quaternions.to(covariances.dtype), scales.to(covariances.dtype)
