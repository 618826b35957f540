"""Phenotypes to blend shape coefficients: Anny's piecewise multi-linear interpolation.

Every blend shape belongs to one corner of a grid of phenotypes, e.g. ``(female, old, maxmuscle,
minweight)``. Its coefficient is the product of the weights of the corner's values, and the weights
of one phenotype interpolate linearly between its neighbouring values. The three ancestries share a
weight of one in proportion.

Every value lies in [0, 1]; 0.5 is average where nothing else is said:

* ``gender``: 0 male, 1 female;
* ``age``: 0 baby, 1/3 child, 2/3 young adult, 1 old;
* ``muscle``, ``weight``, ``height``: least to most for the age and gender;
* ``proportions``: 0 idealised, 1 uncommon;
* ``cupsize``, ``firmness``: of the breast, of females past childhood;
* ``african``, ``asian``, ``caucasian``: shares of the features; all equal is an even mixture.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Phenotype -> its values at evenly spaced points of [0, 1]. Anny's newborn (age < 0) is left out.
VARIATIONS: dict[str, tuple[str, ...]] = {
    "gender": ("male", "female"),
    "age": ("baby", "child", "young", "old"),
    "muscle": ("minmuscle", "averagemuscle", "maxmuscle"),
    "weight": ("minweight", "averageweight", "maxweight"),
    "height": ("minheight", "maxheight"),
    "proportions": ("idealproportions", "uncommonproportions"),
    "cupsize": ("mincup", "averagecup", "maxcup"),
    "firmness": ("minfirmness", "averagefirmness", "maxfirmness"),
}

#: Shares of the face's ancestry; only their proportions count.
ANCESTRIES = ("african", "asian", "caucasian")

#: Names of the shape vector, in order.
SHAPE_NAMES = (*VARIATIONS, *ANCESTRIES)

_VALUES = tuple(value for values in VARIATIONS.values() for value in values) + ANCESTRIES


def corner_table(labels: list[str]) -> Tensor:
    """[K, 6] which values each blend shape is the product of; unused places name the constant 1.

    Args:
        labels: Corner of every blend shape, its values joined by "-".
    """
    constant = len(_VALUES)
    table = torch.full((len(labels), 6), constant)
    for row, label in enumerate(labels):
        for column, value in enumerate(label.split("-")):
            table[row, column] = _VALUES.index(value)
    return table


def coefficients(shape: Tensor, table: Tensor) -> Tensor:
    """Blend shape coefficients of identities.

    Args:
        shape: [B, 11] phenotypes in [0, 1], order of :data:`SHAPE_NAMES`; clamped.
        table: [K, 6] from :func:`corner_table`.

    Returns:
        [B, K]; differentiable, with a one-sided slope at the grid points.
    """
    weights = [
        _interpolation(shape[:, i], len(values)) for i, values in enumerate(VARIATIONS.values())
    ]
    ancestry = shape[:, len(VARIATIONS) :].clamp(0, 1)
    total = ancestry.sum(1, keepdim=True)
    even = torch.full_like(ancestry, 1 / 3)
    share = torch.where(total > 0, ancestry / total.clamp(min=1e-12), even)
    values = torch.cat([*weights, share, torch.ones_like(total)], dim=1)
    return values[:, table].prod(-1)


def _interpolation(value: Tensor, points: int) -> Tensor:
    """[B, points] weights of evenly spaced grid points around ``value`` [B]."""
    # where, not clamp: it keeps the slope of a value that lies exactly on 0 or 1
    value = torch.where(value < 0, torch.zeros_like(value), value)
    value = torch.where(value > 1, torch.ones_like(value), value) * (points - 1)
    left = (value.detach().ceil() - 1).clamp(0, points - 2)
    fraction = (value - left)[:, None]
    grid = torch.arange(points, device=value.device)
    left = left[:, None]
    return torch.where(grid == left, 1 - fraction, torch.zeros_like(fraction)) + torch.where(
        grid == left + 1, fraction, torch.zeros_like(fraction)
    )
