"""Body poses as six numbers a joint and as quaternions, and the angle between them."""

from __future__ import annotations

import roma
import torch
from torch import Tensor

#: Angles computed at once at most, so that memory stays bounded.
_ANGLES = 1 << 22


def six_from_rotvec(rotvec: Tensor) -> Tensor:
    """Axis-angle [..., 3 J] in radians to the first two columns of the matrices [..., 6 J]."""
    matrices = roma.rotvec_to_rotmat(rotvec.unflatten(-1, (-1, 3)))
    return matrices[..., :2].flatten(-3)


def rotvec_from_six(six: Tensor) -> Tensor:
    """The inverse of :func:`six_from_rotvec` for the nearest columns that are orthonormal."""
    return roma.rotmat_to_rotvec(roma.special_gramschmidt(six.unflatten(-1, (-1, 3, 2)))).flatten(
        -2
    )


def quaternions(rotvec: Tensor) -> Tensor:
    """Axis-angle [..., 3 J] in radians to unit quaternions [..., J, 4] in double precision."""
    return roma.rotvec_to_unitquat(rotvec.unflatten(-1, (-1, 3)).double())


def slerp(a: Tensor, b: Tensor, weight: float) -> Tensor:
    """From pose ``a`` (weight 0) to ``b`` (weight 1) along the shortest turn of each joint.

    Args:
        a: [..., 3 J] axis-angle in radians.
        b: The same.
        weight: In [0, 1].
    """
    start = roma.rotvec_to_rotmat(a.unflatten(-1, (-1, 3)))
    end = roma.rotvec_to_rotmat(b.unflatten(-1, (-1, 3)))
    turn = roma.rotmat_to_rotvec(start.mT @ end)
    return roma.rotmat_to_rotvec(start @ roma.rotvec_to_rotmat(weight * turn)).flatten(-2)


def pose_distances(a: Tensor, b: Tensor) -> Tensor:
    """Mean angle over the joints between every pose of ``a`` and every pose of ``b``.

    Args:
        a: [N, J, 4] unit quaternions.
        b: [M, J, 4] unit quaternions.

    Returns:
        [N, M] radians.
    """
    rows = max(1, _ANGLES // max(1, b.shape[0] * b.shape[1]))
    parts = []
    for chunk in a.split(rows):
        cosine = torch.einsum("njc,mjc->nmj", chunk, b).abs()
        parts.append(2 * torch.acos(cosine.clamp(max=1)).mean(-1))
    return torch.cat(parts) if parts else a.new_zeros(0, len(b))
