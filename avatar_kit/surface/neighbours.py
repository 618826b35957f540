"""The nearest points of a cloud, by a grid of cells."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from avatar_kit.graphics.jit import in_turns, kernel

#: Points in a cell, on average over the cells that have any; and points searched in one call.
_PER_CELL, _CHUNK = 4, 1024


def nearest_neighbours(points: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The nearest other points of each point, exactly.

    Args:
        points: [N, 3] finite.
        count: How many, fewer than N.

    Returns:
        [N, count] long indices, nearest first, and [N, count] distances. Points that are equally
        far stand in the order of their indices.
    """
    total = len(points)
    if not 0 <= count < max(total, 1):
        raise ValueError(f"{count} neighbours of {total} points; there must be fewer than points")
    return _nearest(points, points, count, itself=False)


def nearest_points(queries: Tensor, points: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The points of a cloud that are nearest to each place, exactly.

    Args:
        queries: [M, 3] finite, anywhere; far from all points a search takes longer.
        points: [N, 3] finite.
        count: How many, at most N.

    Returns:
        [M, count] long indices, nearest first, and [M, count] distances. Points that are equally
        far stand in the order of their indices.
    """
    if not 0 <= count <= len(points):
        raise ValueError(f"{count} nearest of {len(points)} points; there must be as many points")
    return _nearest(queries, points, count, itself=True)


def _nearest(queries: Tensor, points: Tensor, count: int, itself: bool) -> tuple[Tensor, Tensor]:
    """Search; ``itself`` says whether the point of a query's own index counts."""
    asked, places = (v.detach().cpu().double().numpy() for v in (queries, points))
    total = len(asked)
    indices = np.zeros((total, count), np.int64)
    distances = np.zeros((total, count))
    if count:
        low, side, cells = _grid(places)
        cell = _cells_of(places, low, side, cells)
        flat = (cell[:, 0] * cells[1] + cell[:, 1]) * cells[2] + cell[:, 2]
        order = np.argsort(flat, kind="stable")
        starts = np.searchsorted(flat[order], np.arange(cells.prod() + 1))
        begun = _cells_of(asked, low, side, cells)
        searched = (asked, begun, itself, places, order, starts, cells, side, low)
        spans = [(i, min(i + _CHUNK, total)) for i in range(0, total, _CHUNK)]
        in_turns(_search, [(*searched, *span, indices, distances) for span in spans])
    found = torch.from_numpy(indices).to(points.device)
    return found, torch.from_numpy(np.sqrt(distances)).to(points)


def _cells_of(places: np.ndarray, low: np.ndarray, side: float, cells: np.ndarray) -> np.ndarray:
    """[N, 3] the cell of each place, or the one at the border that is nearest to it."""
    return np.clip((places - low) / side, 0, cells - 1).astype(np.int64)


def _grid(places: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Lowest corner, side of a cell, and number of cells along each axis."""
    low, high = places.min(0), places.max(0)
    extent = max(float((high - low).max()), 1e-9)
    # a surface fills about n^2 of n^3 cells
    along = max(1, int(np.sqrt(len(places) / _PER_CELL)))
    side = extent / min(along, 128)
    return low, side, np.maximum(1, np.ceil((high - low) / side).astype(np.int64))


@kernel
def _search(
    asked, cell, itself, places, order, starts, cells, side, low, begin, end, indices, distances
):
    """Queries [begin, end): rings of cells around each, until no nearer point can be outside."""
    count = indices.shape[1]
    most = max(cells[0], max(cells[1], cells[2]))
    for n in range(begin, end):
        held = 0
        ring = 0
        while ring <= most:
            for i in range(max(0, cell[n, 0] - ring), min(cells[0], cell[n, 0] + ring + 1)):
                for j in range(max(0, cell[n, 1] - ring), min(cells[1], cell[n, 1] + ring + 1)):
                    edge = abs(i - cell[n, 0]) == ring or abs(j - cell[n, 1]) == ring
                    step = 1 if edge or ring == 0 else 2 * ring
                    for k in range(cell[n, 2] - ring, cell[n, 2] + ring + 1, step):
                        if k < 0 or k >= cells[2]:
                            continue
                        at = (i * cells[1] + j) * cells[2] + k
                        for s in range(starts[at], starts[at + 1]):
                            if itself or order[s] != n:
                                away = _squared(asked, n, places, order[s])
                                held = _take(n, order[s], away, held, indices, distances)
            # everything nearer than this has been seen
            reach = _clear(asked, cell, low, side, n, ring)
            if held == count and distances[n, count - 1] <= reach * reach:
                break
            ring += 1


@kernel
def _clear(asked, cell, low, side, n, ring):
    """Distance of a query to the walls of the ring around its cell; 0 beyond them."""
    reach = np.inf
    for axis in range(3):
        inside = asked[n, axis] - low[axis] - cell[n, axis] * side
        reach = min(reach, min(inside, side - inside) + ring * side)
    return max(reach, 0.0)


@kernel
def _squared(asked, n, places, other):
    away = 0.0
    for axis in range(3):
        away += (asked[n, axis] - places[other, axis]) ** 2
    return away


@kernel
def _take(n, other, away, held, indices, distances):
    """Put a point among the nearest so far; how many these are now."""
    count = indices.shape[1]
    if held == count and not _before(away, other, distances[n, count - 1], indices[n, count - 1]):
        return held
    place = min(held, count - 1)
    while place > 0 and _before(away, other, distances[n, place - 1], indices[n, place - 1]):
        distances[n, place], indices[n, place] = distances[n, place - 1], indices[n, place - 1]
        place -= 1
    distances[n, place], indices[n, place] = away, other
    return min(held + 1, count)


@kernel
def _before(away, index, other_away, other_index):
    return away < other_away or (away == other_away and index < other_index)
