"""From a few places to many points: nearest places, weighted by the inverse of their distance."""

from __future__ import annotations

from torch import Tensor

from avatar_kit.surface import nearest_points

#: Places that a point takes its values from.
NEAREST = 3

#: Metres below which a distance counts as this: a point may lie on a place.
_CLOSEST = 1e-7


def nearest_weights(points: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest places of each point, and what they count.

    Args:
        points: [N, 3] metres.
        places: [M, 3] metres, one or more.

    Returns:
        [N, K] long indices, nearest first, and [N, K] weights, one over the distance, rows sum to
        one; K is :data:`NEAREST`, or M where there are fewer places.
    """
    index, away = nearest_points(points, places, min(NEAREST, len(places)))
    weight = 1 / away.clamp(min=_CLOSEST)
    return index, weight / weight.sum(1, keepdim=True)


def interpolated(values: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    """Values at places, interpolated at points. Differentiable with respect to the values.

    Args:
        values: [B, M, C].
        index: [N, K] long.
        weight: [N, K].

    Returns:
        [B, N, C].
    """
    rows = values.transpose(0, 1).flatten(1)  # an index of rows has a fast derivative
    chosen = rows.index_select(0, index.flatten()).unflatten(0, index.shape)
    found = (weight[..., None] * chosen).sum(1)
    return found.unflatten(1, (len(values), -1)).transpose(0, 1)
