"""What a network says about rotations, and how far that is from the truth.

Six numbers a joint, as in :mod:`avatar_kit.aligners.rotations`: two columns of its matrix.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

#: Keeps the gradient of acos finite; an angle below 0.08 degrees reads as that.
_EDGE = 1e-6


def matrices_from_six(six: Tensor) -> Tensor:
    """Six numbers a joint [..., 6 J], not orthonormal yet, to matrices [..., J, 3, 3].

    Gram-Schmidt: the first column is kept up to its length, the second is made orthogonal to it.
    """
    first, second = six.unflatten(-1, (-1, 3, 2)).unbind(-1)
    x = normalize(first, dim=-1)
    y = normalize(second - (x * second).sum(-1, keepdim=True) * x, dim=-1)
    return torch.stack((x, y, torch.linalg.cross(x, y)), dim=-1)


def orthonormal(six: Tensor) -> Tensor:
    """The six numbers [..., 6 J] of the rotations that ``six`` stands for."""
    return matrices_from_six(six)[..., :2].flatten(-3)


def geodesic(a: Tensor, b: Tensor) -> Tensor:
    """Angle [...] in radians between rotation matrices [..., 3, 3]."""
    cosine = ((a * b).sum((-1, -2)) - 1) / 2
    return torch.acos(cosine.clamp(-1 + _EDGE, 1 - _EDGE))
