"""Colours for points: what pictures show where each is seen."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.gaussians.anchors import Anchors
from avatar_kit.scene import FrameContext, RestBody

if TYPE_CHECKING:
    from avatar_kit.interfaces import Batch

logger = logging.getLogger(__name__)

#: Metres behind the drawn surface that a point may lie and still be seen.
_BEHIND = 0.03

#: A point that was seen less than this, in frames that face it, was not seen.
_SEEN = 1e-3


@torch.no_grad()
def painted_colours(
    samples: Sequence[Batch],
    place: Callable[[FrameContext], tuple[Tensor, Tensor]],
    count: int,
    *,
    frames: int = 24,
    behind: float = _BEHIND,
    between: Literal["nearest", "bilinear"] = "nearest",
) -> tuple[Tensor, Tensor]:
    """Mean colours of points over some training frames.

    A frame counts by the square of how much the surface faces the camera, and not at all where the
    body hides the point or the mask does not show the person.

    Args:
        samples: The training samples, or an avatar's pictures of them; one frame each.
        place: Gives the points [1, N, 3] and their normals [1, N, 3] in the world of a context.
        count: N.
        frames: Samples that are looked at.
        behind: Metres behind the drawn surface that a point may lie and still be seen.
        between: What is seen between the centres of pixels.

    Returns:
        [N, 3] colours in [0, 1], zero where a point was never seen, and [N] how much it was seen.
    """
    total, weight = torch.zeros(count, 3), torch.zeros(count)
    chosen = torch.linspace(0, len(samples) - 1, min(frames, len(samples))).long().tolist()
    for sample in (samples[i] for i in chosen):
        context, camera = sample.context, sample.context.camera
        points, normals = (value.float() for value in place(context))
        pixels, depth = camera.project(points)
        towards = F.normalize(camera.position[:, None] - points, dim=-1)
        facing = (normals * towards).sum(-1)[0].clamp(min=0).square()
        extent = pixels.new_tensor([camera.width, camera.height])
        grid = (2 * pixels / extent - 1)[:, None]
        seen = torch.cat([sample.image, sample.mask, context.fragments.depth[:, None]], 1)
        found = F.grid_sample(seen, grid, mode=between, align_corners=False)[0, :, 0]
        surface = found[4]
        visible = (surface == 0) | (depth[0] < surface + behind)
        visible &= (grid[0, 0].abs() < 1).all(-1) & (depth[0] > 0) & (found[3] > 0.5)
        share = facing * visible
        total += (share[:, None] * found[:3].T).cpu()
        weight += share.cpu()
    return total / weight.clamp(min=1e-6)[:, None], weight


def completed_colours(
    colours: Tensor, weight: Tensor, anchors: Anchors, rest: RestBody, neighbours: Tensor
) -> Tensor:
    """Painted colours with those of what was never seen; a warning says what that is.

    Args:
        colours: [N, 3] such as of :func:`painted_colours`.
        weight: [N] how much each was seen.
        anchors: Where the points are tied.
        rest: The body at rest.
        neighbours: [N, K] long.

    Returns:
        [N, 3]: colours of the other side of the body where that was seen, else of neighbours.
    """
    surface = anchors.offsets.norm(dim=1) == 0
    normals = anchors.at_vertices(rest.normals, rest.topology.faces)
    sides = unseen_sides(normals[surface], weight[surface])
    if sides:
        logger.warning(
            "the training pictures that were looked at do not show the person's %s: colours "
            "there begin as those of the other side of the body, or of what is next to it",
            ", ".join(sides),
        )
    middle = float(rest.joints[:, 0].mean())
    mirrored = mirrored_to_unseen(colours, weight, anchors.rest(rest), middle=middle)
    return spread_to_unseen(*mirrored, neighbours)


def mirrored_to_unseen(
    values: Tensor, weight: Tensor, points: Tensor, *, middle: float, reach: float = 0.03
) -> tuple[Tensor, Tensor]:
    """Give points that were never seen the value of the point on the other side of the person.

    Args:
        values: [N, C].
        weight: [N] zero where a value is unknown.
        points: [N, 3] places in the rest pose, metres.
        middle: x of the plane that a person is symmetric about.
        reach: Metres that the other point may be off the mirrored place.

    Returns:
        Values and weights, those of the other side where they were unknown and it is known.
    """
    known = weight > _SEEN
    unseen, seen = (~known).nonzero()[:, 0], known.nonzero()[:, 0]
    values, weight = values.clone(), weight.clone()
    if not len(seen):
        return values, weight
    for rows in unseen.split(2048):
        place = points[rows].clone()
        place[:, 0] = 2 * middle - place[:, 0]
        away, nearest = torch.cdist(place, points[seen]).min(1)
        rows, nearest = rows[away < reach], seen[nearest[away < reach]]
        values[rows], weight[rows] = values[nearest], weight[nearest]
    return values, weight


def unseen_sides(rest_normals: Tensor, weight: Tensor) -> list[str]:
    """The sides of the person of which most points were never seen: front, back, left, right.

    Args:
        rest_normals: [N, 3] normals in the rest pose, which faces +z with the left along +x.
        weight: [N] how much each point was seen.
    """
    sides = {"front": (2, 1), "back": (2, -1), "left": (0, 1), "right": (0, -1)}
    unseen, found = weight <= _SEEN, []
    for name, (axis, sign) in sides.items():
        facing = sign * rest_normals[:, axis] > 0.7
        if bool(facing.any()) and float(unseen[facing].float().mean()) > 0.5:
            found.append(name)
    return found


def spread_to_unseen(
    values: Tensor, weight: Tensor, neighbours: Tensor, rounds: int = 60
) -> Tensor:
    """Give points that were never seen the mean of their neighbours, outwards from what was seen.

    Args:
        values: [N, C].
        weight: [N] zero where a value is unknown.
        neighbours: [N, K] long.
        rounds: How far values travel; what is still unknown takes the mean of all.
    """
    known = (weight > _SEEN).float()
    values = values * known[:, None]
    for _ in range(rounds):
        if known.all():
            break
        share = known[neighbours]
        mean = (values[neighbours] * share[..., None]).sum(1) / share.sum(1, keepdim=True).clamp(1)
        fill = (known == 0) & (share.sum(1) > 0)
        values = torch.where(fill[:, None], mean, values)
        known = torch.where(fill, torch.ones_like(known), known)
    overall = (
        values[known > 0].mean(0) if bool((known > 0).any()) else torch.full_like(values[0], 0.5)
    )
    return torch.where(known[:, None] > 0, values, overall)
