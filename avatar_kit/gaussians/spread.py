"""Points of a cloud that stand evenly apart."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def farthest_points(points: Tensor, count: int) -> Tensor:
    """Choose points one by one, each the farthest from all that were chosen before.

    Every number of chosen points covers the cloud evenly, even if the cloud is uneven: no point of
    the cloud is farther from the chosen points than these are from each other.

    Args:
        points: [N, 3].
        count: How many, at most N.

    Returns:
        [count] long indices in the order of the choice, which begins with point 0; of two points
        that are equally far the first is taken.
    """
    if not 0 <= count <= len(points):
        raise ValueError(f"{count} of {len(points)} points cannot be chosen")
    chosen = torch.zeros(count, dtype=torch.long, device=points.device)
    away = points.new_full((len(points),), float("inf"))
    for i in range(1, count):
        away = torch.minimum(away, (points - points[chosen[i - 1]]).square().sum(1))
        chosen[i] = away.argmax()
    return chosen
