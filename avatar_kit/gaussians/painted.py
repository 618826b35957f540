"""Colours for points: what pictures show where each is seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.scene import FrameContext

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
