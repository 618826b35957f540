"""Skinning weights anywhere in space: the surface's, diffused through a grid around the body."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.gaussians.anchors import sample_surface
from avatar_kit.scene import RestBody

#: Share of the box's longest side that the grid reaches beyond body and points on each side.
MARGIN = 0.05

#: Points that are spread over the surface for each node next to it.
_PER_NODE = 12

#: Rounds of averaging on each level of the grid, and bones that are diffused together.
_ROUNDS, _BONES = 24, 16


def sample_grid(grid: Tensor, low: Tensor, high: Tensor, points: Tensor) -> Tensor:
    """Trilinear samples of a grid. Differentiable.

    Args:
        grid: [X, Y, Z, C] values at nodes; the first node of an axis lies at ``low``, the last at
            ``high``.
        low: [3] lowest corner in metres.
        high: [3] highest corner.
        points: [N, 3]; outside the box the value at its border counts.

    Returns:
        [N, C].
    """
    at = 2 * (points - low) / (high - low) - 1
    values = grid.permute(3, 2, 1, 0)[None]  # torch's last axis is x
    found = F.grid_sample(
        values, at[None, None, None], mode="bilinear", padding_mode="border", align_corners=True
    )
    return found[0, :, 0, 0].T


@torch.no_grad()
def diffused_weights(rest: RestBody, points: Tensor, resolution: int = 128) -> Tensor:
    """Skinning weights of points off the surface.

    The nodes of a grid that are next to the surface get its weights. From there, weights diffuse
    until every other node is near the mean of its neighbours, coarse levels first. The weights are
    therefore smooth in space and, close to the surface, equal to those of the surface.

    Args:
        rest: The body at rest.
        points: [N, 3] places in the rest pose, metres.
        resolution: Nodes along the longest side of the grid, whose cells are cubes.

    Returns:
        [N, J] not negative, rows sum to one.
    """
    reached = torch.cat([rest.vertices, points])
    low, high = reached.amin(0), reached.amax(0)
    margin = MARGIN * float((high - low).max())
    low, high = low - margin, high + margin
    side = float((high - low).max()) / (resolution - 1)
    nodes = [max(2, round(float(v)) + 1) for v in (high - low) / side]
    high = low + side * (torch.tensor(nodes).to(low) - 1)
    place, weights = _on_surface(rest, low, side, nodes)
    worn = (weights > 0).any(0).nonzero()[:, 0]
    found = points.new_zeros(len(points), weights.shape[1])
    for bones in worn.split(_BONES):
        values, known = _averaged(weights[:, bones], place, nodes)
        field = diffused(values, known)
        found[:, bones] = sample_grid(field.permute(1, 2, 3, 0), low, high, points)
    found = found.clamp(min=0)
    return found / found.sum(1, keepdim=True)


def diffused(values: Tensor, known: Tensor, rounds: int = _ROUNDS) -> Tensor:
    """Fill the unknown nodes of a grid smoothly: each becomes about the mean of its neighbours.

    Args:
        values: [C, X, Y, Z]; what stands at unknown nodes does not count.
        known: [X, Y, Z] bool, at least one.
        rounds: Rounds of averaging on each level.

    Returns:
        [C, X, Y, Z] equal to ``values`` where these are known. No flux leaves the grid.
    """
    if bool(known.all()):
        return values
    held = known.to(values)
    if max(known.shape) > 2:
        two = [min(2, count) for count in known.shape]
        share = F.avg_pool3d(held[None, None], two, ceil_mode=True)[0, 0]
        sums = F.avg_pool3d((values * held)[None], two, ceil_mode=True)[0]
        coarse = diffused(sums / share.clamp(min=1e-6), share > 0, rounds)
        shape = list(known.shape)
        field = F.interpolate(coarse[None], size=shape, mode="trilinear", align_corners=False)[0]
    else:
        field = ((values * held).sum((1, 2, 3)) / held.sum())[:, None, None, None] + 0 * values
    for _ in range(rounds):
        field = torch.where(known, values, _mean_of_six(field))
    return field


def _mean_of_six(field: Tensor) -> Tensor:
    """[C, X, Y, Z] the mean of each node's neighbours; beyond the border it is its own."""
    total = torch.zeros_like(field)
    for axis in (1, 2, 3):
        count = field.shape[axis]
        inner = field.narrow(axis, 0, count - 1), field.narrow(axis, 1, count - 1)
        total.narrow(axis, 1, count - 1).add_(inner[0])
        total.narrow(axis, 0, count - 1).add_(inner[1])
        for end in (0, count - 1):
            total.narrow(axis, end, 1).add_(field.narrow(axis, end, 1))
    return total / 6


def _on_surface(
    rest: RestBody, low: Tensor, side: float, nodes: list[int]
) -> tuple[Tensor, Tensor]:
    """Node [S] next to each of many points of the surface, and their weights [S, J]."""
    corners = rest.vertices[rest.topology.faces]
    edges = corners[:, 1:] - corners[:, :1]
    area = float(torch.linalg.cross(edges[:, 0], edges[:, 1], dim=-1).norm(dim=-1).sum()) / 2
    # a point within each triangle at least would be more than a fine mesh needs
    count = max(1000, round(_PER_NODE * area / side**2))
    even = torch.ones(len(corners))
    spread = sample_surface(rest, count, even, torch.Generator().manual_seed(0))
    cell = ((spread.rest(rest) - low) / side).round().long()
    place = (cell[:, 0] * nodes[1] + cell[:, 1]) * nodes[2] + cell[:, 2]
    return place, spread.at_vertices(rest.skinning_weights, rest.topology.faces)


def _averaged(weights: Tensor, place: Tensor, nodes: list[int]) -> tuple[Tensor, Tensor]:
    """Mean weights [C, X, Y, Z] of the points next to each node, and where there are any."""
    total = weights.new_zeros(nodes[0] * nodes[1] * nodes[2], weights.shape[1])
    count = torch.bincount(place, minlength=len(total))
    total.index_add_(0, place, weights)
    mean = total / count.clamp(min=1)[:, None]
    return mean.T.unflatten(1, nodes).contiguous(), (count > 0).unflatten(0, nodes)
