"""Where Gaussians are tied, what they begin with, and what follows from their ties."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.gaussians import (
    Anchors,
    Attachment,
    completed_colours,
    face_density,
    hull_points,
    joined,
    sample_surface,
)
from avatar_kit.interfaces import Samples
from avatar_kit.scene import FrameContext, RestBody
from avatar_kit.surface import nearest_neighbours, painted_colours
from avatar_kit_r3.config import RecordedGaussiansConfig
from avatar_kit_r3.parts import PARTS, part_masses

#: Standard deviation of a Gaussian to begin with, as a share of the distance to its neighbours,
#: and how much flatter it is along the normal.
_SPREAD, _FLATNESS = 0.7, 0.3

_SEED = 20230808
_NEIGHBOURS = 4

#: What :func:`settled` gives.
SETTLED = (
    "anchored",
    "corners",
    "bones",
    "weights",
    "unrest",
    "off_surface",
    "pair_rows",
    "pair_parts",
    "pair_masses",
)


def on_surface(config: RecordedGaussiansConfig, rest: RestBody) -> Anchors:
    """Points on the body, the same for every training."""
    density = face_density(rest, {"head": config.head, "hand": config.hands}, config.face)
    return sample_surface(rest, config.points, density, torch.Generator().manual_seed(_SEED))


def with_hull(anchors: Anchors, most: int, rest: RestBody, samples: Samples) -> Anchors:
    """Points with those off the surface that the masks ask for, at most so many."""
    generator = torch.Generator().manual_seed(_SEED + 1)
    return joined(anchors, hull_points(rest, samples, most, generator=generator))


def first_colours(
    samples: Samples,
    place: Callable[[FrameContext], tuple[Tensor, Tensor]],
    anchors: Anchors,
    rest: RestBody,
) -> Tensor:
    """[N, 3] mean colours of what pictures show; what none shows takes those of its likes.

    Args:
        samples: The training samples.
        place: Gives the points and their normals in the world of a context.
        anchors: The points, on the CPU.
        rest: The body at rest.
    """
    colours, weight = painted_colours(samples, place, len(anchors))
    return completed_colours(colours, weight, anchors, rest)


def first_values(anchors: Anchors, rest: RestBody, coefficients: int) -> dict[str, Tensor]:
    """Grey Gaussians as wide as their distances, flat on the surface and round off it."""
    count = len(anchors)
    _, away = nearest_neighbours(anchors.rest(rest), min(_NEIGHBOURS, count - 1))
    extents = _SPREAD * away.mean(1).clamp(1e-3, 0.05)[:, None].repeat(1, 3)
    extents[anchors.offsets.norm(dim=1) == 0, 2] *= _FLATNESS
    normals = F.normalize(anchors.at_vertices(rest.normals, rest.topology.faces), dim=1)
    return {
        "faces": anchors.faces,
        "barycentrics": anchors.barycentrics,
        "anchor_offsets": anchors.offsets,
        "extents": extents,
        "axes": facing(normals),
        "offsets": torch.zeros(count, 3),
        "colours": torch.full((count, 3), 0.5),
        "harmonics": torch.zeros(count, coefficients, 3),
    }


def settled(anchors: Anchors, rest: RestBody, part_of: Tensor) -> dict[str, Tensor]:
    """What follows from ties to a body.

    Args:
        anchors: N places.
        rest: The body at rest.
        part_of: [J] long, the part of each bone.

    Returns:
        ``anchored`` [N, 3] places at rest, the fields of the :class:`Attachment` that move with
        nothing, ``off_surface`` [N] bool, and the P pairs of a Gaussian and a part that it hangs
        on: ``pair_rows``, ``pair_parts`` [P] long and ``pair_masses`` [P].
    """
    ties = Attachment.of(anchors, rest)
    masses = part_masses(ties.weights, ties.bones, part_of, len(PARTS))
    rows, parts = (masses > 0).nonzero(as_tuple=True)
    return {
        "anchored": anchors.rest(rest),
        "corners": ties.corners,
        "bones": ties.bones,
        "weights": ties.weights,
        "unrest": ties.unrest,
        "off_surface": anchors.offsets.norm(dim=1) > 0,
        "pair_rows": rows,
        "pair_parts": parts,
        "pair_masses": masses[rows, parts],
    }


def facing(normals: Tensor) -> Tensor:
    """[N, 4] wxyz rotations that carry the z axis to unit normals [N, 3]."""
    x, y, z = normals.unbind(1)
    turned = torch.stack([1 + z, -y, x, torch.zeros_like(z)], dim=1)
    behind = turned.norm(dim=1) < 1e-4  # straight back: half a turn about x
    turned[behind] = turned.new_tensor([0.0, 1.0, 0.0, 0.0])
    return F.normalize(turned, dim=1)
