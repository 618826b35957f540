"""Values for points that no picture shows: from the other side of the person, or from around."""

from __future__ import annotations

import torch
from torch import Tensor

from avatar_kit.scene import RestBody
from avatar_kit.surface.neighbours import nearest_neighbours

#: A point that was seen less than this, in frames that face it, was not seen.
SEEN = 1e-3

#: Metres that the point on the other side may be off the mirrored place.
_REACH = 0.03

#: Rounds in which values travel to neighbours; what is still unknown takes the mean of all.
_ROUNDS = 60

#: Vertices next to each other that values travel between.
_AROUND = 8


class Completion:
    """Gives points that were never seen the value of the point on the other side of the person;
    where that is unknown too, the mean of the neighbours, outwards from what was seen.

    Which point takes its value from which is found once; values of any kind follow.

    Args:
        known: [N] bool, which points have a value.
        points: [N, 3] places in the rest pose, metres.
        neighbours: [N, K] long.
        middle: x of the plane that the person is symmetric about.
    """

    def __init__(self, known: Tensor, points: Tensor, neighbours: Tensor, *, middle: float):
        self._known = known.clone()
        self._mirrored = self._found_mirrored(points, middle)
        self._rounds = self._found_rounds(neighbours)

    @classmethod
    def of_vertices(cls, known: Tensor, rest: RestBody) -> Completion:
        """For the vertices of a body.

        Args:
            known: [V] bool.
            rest: The body.
        """
        points = rest.vertices
        neighbours = nearest_neighbours(points, _AROUND)[0]
        return cls(known, points, neighbours, middle=float(points[:, 0].mean()))

    def __call__(self, values: Tensor) -> Tensor:
        """[N, C] completed values.

        Args:
            values: [N, C]; those of points that are not known do not matter.
        """
        values = values.clone()
        rows, source = self._mirrored
        values[rows] = values[source]
        for rows, neighbours, share in self._rounds:
            values[rows] = (values[neighbours] * share[..., None]).sum(1)
        if bool(self._known.any()):
            values[~self._known] = values[self._known].mean(0)
        else:
            values.fill_(0.5)
        return values

    def _found_mirrored(self, points: Tensor, middle: float) -> tuple[Tensor, Tensor]:
        """Points that take a value from the other side, and the points that give it."""
        seen, found = self._known.nonzero()[:, 0], []
        for rows in (~self._known).nonzero()[:, 0].split(2048) if len(seen) else ():
            place = points[rows].clone()
            place[:, 0] = 2 * middle - place[:, 0]
            away, nearest = torch.cdist(place, points[seen]).min(1)
            found.append(torch.stack([rows, seen[nearest]])[:, away < _REACH])
        rows, source = torch.cat(found, dim=1) if found else seen.new_zeros(2, 0)
        self._known[rows] = True
        return rows, source

    def _found_rounds(self, neighbours: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Of each round, the points that take a value, their neighbours and the shares of these."""
        rounds = []
        for _ in range(_ROUNDS):
            unknown = (~self._known).nonzero()[:, 0]
            share = self._known[neighbours[unknown]].float()
            reached = share.sum(1) > 0
            if not bool(reached.any()):
                break
            rows, share = unknown[reached], share[reached]
            rounds.append((rows, neighbours[rows], share / share.sum(1, keepdim=True)))
            self._known[rows] = True
        return rounds


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
