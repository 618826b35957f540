"""Points off the body's surface that the masks ask for: hair, skirts, caps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from avatar_kit.gaussians.anchors import Anchors, sample_surface
from avatar_kit.gaussians.attachment import Attachment
from avatar_kit.scene import RestBody

if TYPE_CHECKING:
    from avatar_kit.interfaces import Samples

#: Points that are tried.
CANDIDATES = 80_000

#: Metres off the surface, nearest and farthest.
REACH = (0.012, 0.15)

#: A point stays that lies within the mask in at least this share of the frames ...
INSIDE = 0.95

#: ... and outside the drawn body in more than this share: else the surface covers it anyway.
BEYOND = 0.03


@torch.no_grad()
def hull_points(
    rest: RestBody,
    samples: Samples,
    most: int,
    *,
    frames: int = 60,
    generator: torch.Generator | None = None,
) -> Anchors:
    """Random points near the surface that every mask holds and the body does not explain.

    Args:
        rest: The body at rest.
        samples: The training samples.
        most: Points at most.
        frames: Samples whose masks are asked.
        generator: For the candidates.

    Returns:
        At most ``most`` points, perhaps none.
    """
    surface = sample_surface(rest, CANDIDATES, torch.ones(len(rest.topology.faces)), generator)
    normals = surface.at_vertices(rest.normals, rest.topology.faces)
    low, high = REACH
    reach = low + (high - low) * torch.rand(CANDIDATES, 1, generator=generator)
    sideways = torch.randn(CANDIDATES, 3, generator=generator)
    direction = torch.nn.functional.normalize(normals + 0.3 * sideways, dim=1)
    tried = Anchors(surface.faces, surface.barycentrics, reach * direction)
    inside, beyond = torch.zeros(CANDIDATES), torch.zeros(CANDIDATES)
    count, place = min(frames, len(samples)), samples[0].image.device
    ties = Attachment.of(tried, rest).to(place)
    for i in torch.linspace(0, len(samples) - 1, count).long().tolist():
        sample = samples[i]
        body, camera = sample.context.body, sample.context.camera
        pixels, depth = camera.project(ties.points(body))
        column, row = pixels[0].floor().long().unbind(-1)
        seen = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
        seen &= depth[0] > 0
        column, row = column.clamp(0, camera.width - 1), row.clamp(0, camera.height - 1)
        inside += (~seen | (sample.mask[0, 0, row, column] > 0.5)).float().cpu()
        drawn = sample.context.fragments.mask[0, 0, row, column] > 0
        beyond += (seen & ~drawn).float().cpu()
    kept = (inside >= INSIDE * count) & (beyond > BEYOND * count)
    chosen = kept.nonzero()[:, 0]
    if len(chosen) > most:
        order = torch.randperm(len(chosen), generator=generator)[:most]
        chosen = chosen[order.sort().values]
    return Anchors(tried.faces[chosen], tried.barycentrics[chosen], tried.offsets[chosen])


def joined(first: Anchors, second: Anchors) -> Anchors:
    """The points of both."""

    def both(name: str) -> Tensor:
        return torch.cat([getattr(first, name), getattr(second, name)])

    return Anchors(both("faces"), both("barycentrics"), both("offsets"))
