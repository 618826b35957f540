"""Values for points that no picture shows: from the other side of the person, or from around."""

from __future__ import annotations

import torch
from torch import Tensor

from avatar_kit.scene import RestBody

#: A point that was seen less than this, in frames that face it, was not seen.
SEEN = 1e-3

#: Metres that the point on the other side may be off the mirrored place.
_REACH = 0.03

#: Points that give their values to others, at most; and points that take them at once.
_SOURCES, _AT_ONCE = 4096, 2048

#: How far around the nearest known point others count, as a part of the distance to it, and the
#: least of these distances in metres.
_SPREAD, _NEAR = 0.7, 0.02


class Completion:
    """Gives points that were never seen the value of the point on the other side of the person;
    where that is unknown too, a mean of the known points around.

    The mean is weighted by how well a point was seen and falls off with the distance as a Gaussian,
    the wider the further away the nearest known point is: the middle of an unseen back is an even
    mixture of both flanks, and not of the dark armpits alone. Which point takes its value from
    which is found once; values of any kind follow.

    Args:
        weight: [N] how much each point was seen.
        points: [N, 3] places in the rest pose, metres.
        middle: x of the plane that the person is symmetric about.
        least: A point that was seen less has no value.
        area: [N] surface around each point: where points are dense, each counts less; None: all
            alike.
    """

    def __init__(
        self,
        weight: Tensor,
        points: Tensor,
        *,
        middle: float,
        least: float = SEEN,
        area: Tensor | None = None,
    ):
        known = weight > least
        self._any = bool(known.any())
        self._mirrored = _mirrored(known, points, middle)
        known = known.clone()
        known[self._mirrored[0]] = True
        self._rows = (~known).nonzero()[:, 0]
        # what was mirrored is as good a source as what was seen
        given = weight.clone()
        given[self._mirrored[0]] = weight[self._mirrored[1]]
        given = given if area is None else given * area
        sources = known.nonzero()[:, 0]
        self._sources = sources[:: max(1, -(-len(sources) // _SOURCES))]
        self._shares = _shares(points[self._rows], points[self._sources], given[self._sources])

    @classmethod
    def of_vertices(cls, weight: Tensor, rest: RestBody, *, least: float = SEEN) -> Completion:
        """For the vertices of a body.

        Args:
            weight: [V] how much each was seen.
            rest: The body.
            least: A vertex that was seen less has no value.
        """
        points, faces = rest.vertices, rest.topology.faces.long()
        a, b, c = points[faces].unbind(1)
        third = torch.linalg.cross(b - a, c - a).norm(dim=1) / 6
        area = torch.zeros(len(points)).index_add_(0, faces.flatten(), third.repeat_interleave(3))
        middle = float(points[:, 0].mean())
        return cls(weight, points, middle=middle, least=least, area=area)

    def __call__(self, values: Tensor) -> Tensor:
        """[N, C] completed values.

        Args:
            values: [N, C]; those of points that are not known do not matter. Where no point is
                known at all, all values are 0.5.
        """
        if not self._any:
            return torch.full_like(values, 0.5)
        values = values.clone()
        rows, source = self._mirrored
        values[rows] = values[source]
        values[self._rows] = self._shares.to(values) @ values[self._sources]
        return values


def _mirrored(known: Tensor, points: Tensor, middle: float) -> tuple[Tensor, Tensor]:
    """Points that take a value from the other side, and the points that give it."""
    seen = known.nonzero()[:, 0]
    found = [seen.new_zeros(2, 0)]
    for rows in (~known).nonzero()[:, 0].split(_AT_ONCE) if len(seen) else ():
        place = points[rows].clone()
        place[:, 0] = 2 * middle - place[:, 0]
        away, nearest = torch.cdist(place, points[seen]).min(1)
        found.append(torch.stack([rows, seen[nearest]])[:, away < _REACH])
    rows, source = torch.cat(found, dim=1)
    return rows, source


def _shares(points: Tensor, sources: Tensor, weight: Tensor) -> Tensor:
    """[M, S] how much of each source's value a point takes; rows sum to one."""
    found = [points.new_zeros(0, len(sources))]
    for places in points.split(_AT_ONCE) if len(sources) else ():
        away = torch.cdist(places, sources)
        nearest = away.min(1, keepdim=True).values
        width = _SPREAD * nearest.clamp(min=_NEAR)
        share = weight * torch.exp((nearest.square() - away.square()) / (2 * width.square()))
        found.append(share / share.sum(1, keepdim=True))
    return torch.cat(found)


def unseen_sides(rest_normals: Tensor, weight: Tensor) -> list[str]:
    """The sides of the person of which most points were never seen: front, back, left, right.

    Args:
        rest_normals: [N, 3] normals in the rest pose, which faces +z with the left along +x.
        weight: [N] how much each point was seen.
    """
    sides = {"front": (2, 1), "back": (2, -1), "left": (0, 1), "right": (0, -1)}
    unseen, found = weight <= SEEN, []
    for name, (axis, sign) in sides.items():
        facing = sign * rest_normals[:, axis] > 0.7
        if bool(facing.any()) and float(unseen[facing].float().mean()) > 0.5:
            found.append(name)
    return found
