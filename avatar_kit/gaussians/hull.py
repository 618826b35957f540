"""Points off the body's surface that the masks ask for: hair, skirts, caps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.gaussians.anchors import Anchors, sample_surface
from avatar_kit.gaussians.attachment import Attachment
from avatar_kit.scene import RestBody
from avatar_kit.surface import nearest_points

if TYPE_CHECKING:
    from avatar_kit.interfaces import Batch, Samples

#: Points that are tried.
CANDIDATES = 80_000

#: Metres off the surface, nearest and farthest.
REACH = (0.012, 0.15)

#: A point stays that lies within the mask in at least this share of the frames ...
INSIDE = 0.95

#: ... outside the drawn body in more than this share: else the surface covers it anyway ...
BEYOND = 0.03

#: ... and within the mask in this share of the frames in which it lies beside the drawn body: arm
#: and chest cover what is between them in most frames; the few others show whether it is there.
AGREED = 0.7

#: A frame counts for a point only while nothing of the body is nearer to it than this share of its
#: distance from its own place: beside a hanging arm a point of the chest lies within the sleeve.
CLEAR = 0.7

#: It counts only while its offset lies across the line of sight, too, with a cosine of at most
#: this: of what lies along it a mask says nothing.
ACROSS = 0.5

#: Vertices that such distances are measured to, at most.
VERTICES = 4000

#: A point is shown if it is not hidden, and the surface below faces the camera by this cosine, in
#: more than this share of the frames ...
FACING, SHOWN = 0.2, 0.03

#: ... and if it is not shown, this share must agree: the body hides it in most frames.
AGREED_UNSEEN = 0.9


@torch.no_grad()
def hull_points(
    rest: RestBody,
    samples: Samples,
    most: int,
    *,
    frames: int = 60,
    generator: torch.Generator | None = None,
) -> Anchors:
    """Random points near the surface that are inside every mask but not part of the body.

    A mask limits positions across the line of sight, not along it, so a point needs views from the
    side. A body filmed from one direction gives few points. A part of the body with another part
    always close to it also gives few points: the mask of an arm that hangs beside the chest gives
    no information about the chest.

    Args:
        rest: The body at rest.
        samples: The training samples.
        most: Maximum number of points.
        frames: Number of samples whose masks are used.
        generator: Random generator of the candidates.

    Returns:
        At most ``most`` points, possibly none.
    """
    surface = sample_surface(rest, CANDIDATES, torch.ones(len(rest.topology.faces)), generator)
    normals = surface.at_vertices(rest.normals, rest.topology.faces)
    low, high = REACH
    reach = low + (high - low) * torch.rand(CANDIDATES, 1, generator=generator)
    sideways = torch.randn(CANDIDATES, 3, generator=generator)
    direction = F.normalize(normals + 0.3 * sideways, dim=1)
    tried = Anchors(surface.faces, surface.barycentrics, reach * direction)
    count = min(frames, len(samples))
    asked = torch.linspace(0, len(samples) - 1, count).long().tolist()
    tried = tried[_held_by_masks(tried, rest, samples, asked)]
    tried = tried[_held_where_it_tells(tried, rest, samples, asked)]
    if len(tried) > most:
        order = torch.randperm(len(tried), generator=generator)[:most]
        tried = tried[order.sort().values]
    return tried


def _held_by_masks(tried: Anchors, rest: RestBody, samples: Samples, asked: list[int]) -> Tensor:
    """[N] bool: within the masks, as often and as surely as the constants above ask for."""
    inside, beyond, agreed, shown = torch.zeros(4, len(tried))
    ties = Attachment.of(tried, rest).to(samples[0].image.device)
    for i in asked:
        sample = samples[i]
        points, body = ties.points(sample.context.body), sample.context.body
        seen, within, drawn, hidden = _looked_up(points, sample)
        towards = F.normalize(sample.context.camera.position[:, None] - points, dim=-1)
        facing = (towards * ties.at_vertices(body.normals)).sum(-1)[0] > FACING
        inside += (~seen | within).float().cpu()
        beyond += (seen & ~drawn).float().cpu()
        agreed += (seen & ~drawn & within).float().cpu()
        shown += (seen & facing & ~hidden).float().cpu()
    least = torch.where(shown > SHOWN * len(asked), AGREED, AGREED_UNSEEN)
    kept = (inside >= INSIDE * len(asked)) & (beyond > BEYOND * len(asked))
    return kept & (agreed >= least * beyond)


def _held_where_it_tells(
    tried: Anchors, rest: RestBody, samples: Samples, asked: list[int]
) -> Tensor:
    """[N] bool: the same of the frames alone that tell something of a point.

    In those no other part of the body is close by, and the offset lies across the line of sight.
    """
    agreed, against = torch.zeros(2, len(tried))
    ties = Attachment.of(tried, rest).to(samples[0].image.device)
    every = -(-len(rest.vertices) // VERTICES)
    own = tried.offsets.norm(dim=1)
    for i in asked:
        sample = samples[i]
        points = ties.points(sample.context.body)
        seen, within, drawn, _ = (v.cpu() for v in _looked_up(points, sample))
        _, away = nearest_points(points[0], sample.context.body.vertices[0, ::every], 1)
        off = points - ties.at_vertices(sample.context.body.vertices)
        sight = F.normalize(points - sample.context.camera.position[:, None], dim=-1)
        across = (off * sight).sum(-1)[0].abs().cpu() <= ACROSS * own
        clear = away[:, 0].cpu() > CLEAR * own
        agreed += (seen & ~drawn & within & clear & across).float()
        against += (seen & ~drawn & ~within).float()
    return (agreed > BEYOND * len(asked)) & (agreed >= AGREED * (agreed + against))


def _looked_up(points: Tensor, sample: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """[N] bool of points [1, N, 3]: in the picture; and where they fall, within the mask, on the
    drawn body, behind it.
    """
    camera, fragments = sample.context.camera, sample.context.fragments
    pixels, depth = camera.project(points)
    column, row = pixels[0].floor().long().unbind(-1)
    seen = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    seen &= depth[0] > 0
    column, row = column.clamp(0, camera.width - 1), row.clamp(0, camera.height - 1)
    drawn = fragments.mask[0, 0, row, column] > 0
    hidden = drawn & (depth[0] > fragments.depth[0, row, column])
    return seen, sample.mask[0, 0, row, column] > 0.5, drawn, hidden


def joined(first: Anchors, second: Anchors) -> Anchors:
    """The points of both."""

    def both(name: str) -> Tensor:
        return torch.cat([getattr(first, name), getattr(second, name)])

    return Anchors(both("faces"), both("barycentrics"), both("offsets"))
