"""Rotations as six numbers: the first two columns of the matrix, which networks learn well."""

from __future__ import annotations

import roma
import torch
from torch import Tensor
from torch.nn.functional import normalize

#: Keeps the gradient of acos finite; an angle below 0.08 degrees reads as that.
_EDGE = 1e-6


def six_from_rotvec(rotvec: Tensor) -> Tensor:
    """Axis-angle [..., 3 J] in radians to six numbers a joint [..., 6 J]."""
    matrices = roma.rotvec_to_rotmat(rotvec.unflatten(-1, (-1, 3)))
    return six_from_matrices(matrices)


def six_from_matrices(matrices: Tensor) -> Tensor:
    """Rotation matrices [..., J, 3, 3] to six numbers a joint [..., 6 J]."""
    return matrices[..., :2].transpose(-1, -2).flatten(-3)


def matrices_from_six(six: Tensor) -> Tensor:
    """Six numbers a joint [..., 6 J], not necessarily unit, to matrices [..., J, 3, 3].

    Gram-Schmidt: the first column is kept up to its length, the second is made orthogonal to it.
    """
    first, second = six.unflatten(-1, (-1, 2, 3)).unbind(-2)
    x = normalize(first, dim=-1)
    y = normalize(second - (x * second).sum(-1, keepdim=True) * x, dim=-1)
    return torch.stack((x, y, torch.linalg.cross(x, y)), dim=-1)


def rotvec_from_six(six: Tensor) -> Tensor:
    """Six numbers a joint [..., 6 J] to axis-angle [..., 3 J] in radians."""
    return roma.rotmat_to_rotvec(matrices_from_six(six)).flatten(-2)


def geodesic(a: Tensor, b: Tensor) -> Tensor:
    """Angle [...] in radians between rotation matrices [..., 3, 3]."""
    cosine = ((a * b).sum((-1, -2)) - 1) / 2
    return torch.acos(cosine.clamp(-1 + _EDGE, 1 - _EDGE))
