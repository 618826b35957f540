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
    places = points.detach().cpu().double().numpy()
    total = len(places)
    if not 0 <= count < max(total, 1):
        raise ValueError(f"{count} neighbours of {total} points; there must be fewer than points")
    indices = np.zeros((total, count), np.int64)
    distances = np.zeros((total, count))
    if count:
        low, side, cells = _grid(places)
        cell = np.minimum((places - low) / side, cells - 1).astype(np.int64)
        flat = (cell[:, 0] * cells[1] + cell[:, 1]) * cells[2] + cell[:, 2]
        order = np.argsort(flat, kind="stable")
        starts = np.searchsorted(flat[order], np.arange(cells.prod() + 1))
        searched = (places, cell, order, starts, cells, side, low)
        spans = [(i, min(i + _CHUNK, total)) for i in range(0, total, _CHUNK)]
        in_turns(_search, [(*searched, *span, indices, distances) for span in spans])
    found = torch.from_numpy(indices).to(points.device)
    return found, torch.from_numpy(np.sqrt(distances)).to(points)


def _grid(places: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Lowest corner, side of a cell, and number of cells along each axis."""
    low, high = places.min(0), places.max(0)
    extent = max(float((high - low).max()), 1e-9)
    # a surface fills about n^2 of n^3 cells
    along = max(1, int(np.sqrt(len(places) / _PER_CELL)))
    side = extent / min(along, 128)
    return low, side, np.maximum(1, np.ceil((high - low) / side).astype(np.int64))


@kernel
def _search(places, cell, order, starts, cells, side, low, begin, end, indices, distances):
    """Points [begin, end): rings of cells around each, until no nearer point can be outside."""
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
                            held = _take(places, n, order[s], held, indices, distances)
            # everything nearer than this has been seen
            reach = _clear(places, cell, low, side, n, ring)
            if held == count and distances[n, count - 1] <= reach * reach:
                break
            ring += 1


@kernel
def _clear(places, cell, low, side, n, ring):
    """Distance of a point to the walls of the ring around its cell."""
    reach = np.inf
    for axis in range(3):
        inside = places[n, axis] - low[axis] - cell[n, axis] * side
        reach = min(reach, min(inside, side - inside) + ring * side)
    return max(reach, 0.0)


@kernel
def _take(places, n, other, held, indices, distances):
    """Put a point among the nearest so far; how many these are now."""
    if other == n:
        return held
    away = 0.0
    for axis in range(3):
        away += (places[n, axis] - places[other, axis]) ** 2
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
