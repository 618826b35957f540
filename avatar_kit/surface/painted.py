"""Colours for points: what pictures show where each is seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.scene import Camera, FrameContext

if TYPE_CHECKING:
    from avatar_kit.interfaces import Batch

#: Metres behind the drawn surface that a point may lie and still be seen.
_BEHIND = 0.03


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
        context = sample.context
        points, normals = (value.float() for value in place(context))
        placed = points, normals, context.camera, context.fragments.depth
        colours, share = shown(sample.image, sample.mask, *placed, behind=behind, between=between)
        total += (share[:, None] * colours).cpu()
        weight += share.cpu()
    return total / weight.clamp(min=1e-6)[:, None], weight


def shown(
    picture: Tensor,
    mask: Tensor,
    points: Tensor,
    normals: Tensor,
    camera: Camera,
    depth: Tensor,
    *,
    behind: float = _BEHIND,
    between: Literal["nearest", "bilinear"] = "nearest",
) -> tuple[Tensor, Tensor]:
    """What a picture shows of points, and how much of each.

    Args:
        picture: [1, C, H, W].
        mask: [1, 1, H, W] of the person.
        points: [1, N, 3] world metres.
        normals: [1, N, 3] unit.
        camera: Of the picture.
        depth: [1, H, W] of the drawn body; 0 where it is not.
        behind: See :func:`painted_colours`.
        between: Likewise.

    Returns:
        [N, C] values, and [N] the squared cosine between normal and direction of view; 0 where the
        point is hidden, outside the picture or outside the mask.
    """
    pixels, distance = camera.project(points)
    towards = F.normalize(camera.position[:, None] - points, dim=-1)
    facing = (normals * towards).sum(-1)[0].clamp(min=0).square()
    extent = pixels.new_tensor([camera.width, camera.height])
    grid = (2 * pixels / extent - 1)[:, None]
    seen = torch.cat([picture, mask, depth[:, None]], 1)
    *values, inside, surface = F.grid_sample(seen, grid, mode=between, align_corners=False)[0, :, 0]
    visible = (surface == 0) | (distance[0] < surface + behind)
    visible &= (grid[0, 0].abs() < 1).all(-1) & (distance[0] > 0) & (inside > 0.5)
    found = torch.stack(values, dim=1) if values else points.new_zeros(points.shape[1], 0)
    return found, facing * visible
