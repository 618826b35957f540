"""The shape that Gaussians begin with."""

from __future__ import annotations

import torch
from torch import Tensor

from avatar_kit.gaussians import principal_axes
from avatar_kit.surface import nearest_neighbours

#: Metres between which a Gaussian's first standard deviation lies.
_WIDTHS = (1e-3, 0.05)


def first_shape(places: Tensor, normals: Tensor, thickness: Tensor) -> tuple[Tensor, Tensor]:
    """As wide as neighbours are apart, thinner along the normal where asked.

    Args:
        places: [N, 3] metres.
        normals: [N, 3] unit normals.
        thickness: [N] standard deviation along the normal as a share of the others, in (0, 1].

    Returns:
        [N, 4] quaternions wxyz and [N, 3] standard deviations: the root of the mean squared
        distance to the three nearest others.
    """
    _, away = nearest_neighbours(places, min(3, len(places) - 1))
    width = away.square().mean(1).sqrt().clamp(*_WIDTHS)
    along = normals[:, :, None] * normals[:, None]
    thinner = (1 - thickness.square())[:, None, None]
    shape = width.square()[:, None, None] * (torch.eye(3) - thinner * along)
    return principal_axes(shape)
