"""What `mmlp` compares, and what keeps its Gaussians in order."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.interfaces import Batch

#: Rows and columns of a picture.
Window = tuple[slice, slice]


def control_smoothness(offsets: Tensor, near: Tensor) -> Tensor:
    """Mean distance in metres between the offsets of control points and those of near ones.

    Args:
        offsets: [B, V, 3].
        near: [V, K] long, the nearest control points, itself among them.
    """
    others = offsets.index_select(1, near.flatten()).unflatten(1, near.shape)
    apart = (others - offsets[:, :, None]).square().sum(-1)
    # the root of 0, which each point has with itself, has no derivative
    return torch.where(apart > 0, apart.clamp(min=1e-16).sqrt(), 0.0).mean()


def large_scales(scales: Tensor, limit: float) -> Tensor:
    """Mean of the standard deviations above a limit, metres; 0 where none is."""
    over = scales > limit
    return (scales * over).sum() / over.sum().clamp(min=1)


def outline(mask: Tensor, radius: int) -> Tensor:
    """[B, 1, H, W] bool: within ``radius`` pixels, in a disk, of the outline of masks."""
    solid = (mask > 0.5).to(mask)
    reach = torch.arange(-radius, radius + 1, device=mask.device, dtype=mask.dtype)
    disk = (reach[:, None] ** 2 + reach**2 <= radius**2).to(mask)[None, None]
    inside = F.conv2d(F.pad(solid, (radius,) * 4, mode="replicate"), disk)
    return (inside > 0.5) & (inside < float(disk.sum()) - 0.5)


def person_window(mask: Tensor, margin: int) -> Window:
    """Rows and columns of what masks [B, 1, H, W] show, with a margin, inside the picture.

    Everything where they show nothing.
    """
    height, width = mask.shape[-2:]
    shown = (mask > 0.05).amax((0, 1))
    rows, columns = shown.any(1), shown.any(0)
    edges = [line.byte().argmax() for line in (columns, rows, columns.flip(0), rows.flip(0))]
    left, top, right, bottom, seen = torch.stack([*edges, shown.any()]).tolist()  # one wait
    if not seen:
        return slice(0, height), slice(0, width)
    rows_end, columns_end = height - bottom + margin, width - right + margin
    return (
        slice(max(top - margin, 0), min(rows_end, height)),
        slice(max(left - margin, 0), min(columns_end, width)),
    )


def patch_window(height: int, width: int, side: int, random: bool) -> Window:
    """A square of at most ``side`` pixels in a picture: the middle, or anywhere."""
    found = []
    for length in (height, width):
        room = max(0, length - side)
        first = int(torch.randint(room + 1, ())) if random else room // 2
        found.append(slice(first, first + min(side, length)))
    return found[0], found[1]


def cut(batch: Batch, window: Window) -> Batch:
    """The batch within a window; cameras follow."""
    rows, columns = window
    size = columns.stop - columns.start, rows.stop - rows.start
    camera = batch.context.camera.crop_resize(columns.start, rows.start, 1.0, *size)
    context = replace(batch.context, camera=camera)
    return Batch(context, batch.image[..., rows, columns], batch.mask[..., rows, columns])
