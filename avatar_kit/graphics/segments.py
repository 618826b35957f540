"""Line drawing: skeletons of hands and bodies as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor

from avatar_kit.graphics import warp_device
from avatar_kit.graphics.jit import in_parallel, kernel


def draw_segments(
    points_a: Tensor,
    points_b: Tensor,
    channel: Sequence[int] | Tensor,
    channels: int,
    *,
    line_width: float,
    height: int,
    width: int,
) -> Tensor:
    """Draw thick segments with round ends, anti-aliased. No gradient.

    A pixel's value is its coverage, ``line_width / 2 + 0.5 - distance`` clamped to [0, 1], with
    the distance of its centre to the segment; segments of one channel take the maximum.

    Args:
        points_a: [B, S, 2] pixel positions of one end; segments that are not finite are skipped.
        points_b: [B, S, 2] pixel positions of the other end.
        channel: [S] channel that each segment is drawn into, on the CPU: reading a tensor of a GPU
            would make the CPU wait.
        channels: Number of channels.
        line_width: Thickness in pixels.
        height: Image height in pixels.
        width: Image width in pixels.

    Returns:
        [B, channels, H, W] in [0, 1], on the device of the points and at least float32.
    """
    owners = tuple(int(c) for c in channel)
    if owners and not 0 <= min(owners) <= max(owners) < channels:
        raise ValueError(f"segments name channels beyond 0..{channels - 1}")
    ends = torch.cat([points_a, points_b], dim=-1).detach()
    if ends.device.type == "cuda" and warp_device.usable(ends.device):
        return draw_on_cuda(ends, owners, channels, line_width, height, width)
    if ends.device.type != "cpu":
        return draw_dense(ends, owners, channels, line_width, height, width)
    picture = np.zeros((ends.shape[0], channels, height, width), np.float32)
    lines = np.ascontiguousarray(ends.double().numpy())
    owner = np.array(owners, np.int64)
    in_parallel(_draw, [(lines[b], owner, line_width, picture[b]) for b in range(len(lines))])
    return torch.from_numpy(picture).to(torch.promote_types(ends.dtype, torch.float32))


def draw_on_cuda(
    ends: Tensor, owners: Sequence[int], channels: int, line_width: float, height: int, width: int
) -> Tensor:
    """:func:`draw_segments` in one kernel; ``ends`` are [B, S, 4]."""
    kernels = warp_device.load("segment_kernels", ends.device)
    picture = ends.new_zeros(len(ends), channels, height, width, dtype=torch.float32)
    given = [
        warp_device.vectors(ends.double()),
        _on_device(tuple(owners), ends.device),
        line_width / 2 + 0.5,
        picture,
    ]
    warp_device.launch(kernels.draw, (len(ends), height, width), given, ends)
    return picture.to(torch.promote_types(ends.dtype, torch.float32))


@cache
def _on_device(owners: tuple[int, ...], device: torch.device) -> Tensor:
    """Channels are constants: they are sent to a GPU once."""
    return torch.tensor(owners, dtype=torch.int32, device=device)


def draw_dense(
    ends: Tensor, owners: Sequence[int], channels: int, line_width: float, height: int, width: int
) -> Tensor:
    """:func:`draw_segments` over whole pictures: without Warp, and the twin that tests use."""
    picture = ends.new_zeros(ends.shape[0], channels, height, width)
    y = torch.arange(height, device=ends.device, dtype=ends.dtype)[:, None] + 0.5
    x = torch.arange(width, device=ends.device, dtype=ends.dtype) + 0.5
    for segment, owner in enumerate(owners):
        ax, ay, bx, by = ends[:, segment, :, None, None].unbind(1)
        dx, dy = bx - ax, by - ay
        along = ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy).clamp(min=1e-12)
        along = along.clamp(0, 1)
        distance = torch.hypot(x - ax - along * dx, y - ay - along * dy)
        coverage = (line_width / 2 + 0.5 - distance).clamp(0, 1).nan_to_num(0.0)
        picture[:, owner] = torch.maximum(picture[:, owner], coverage)
    return picture.to(torch.promote_types(ends.dtype, torch.float32))


@kernel
def _draw(lines, owner, line_width, picture):
    """Draw segments [S, 4] = ax, ay, bx, by into picture [C, H, W]."""
    height, width = picture.shape[1:]
    reach = line_width / 2 + 0.5
    for s in range(lines.shape[0]):
        ax, ay, bx, by = lines[s]
        if not np.isfinite(ax + ay + bx + by):
            continue
        x0 = int(min(max(np.floor(min(ax, bx) - reach), 0.0), float(width)))
        x1 = int(min(max(np.ceil(max(ax, bx) + reach), 0.0), float(width)))
        y0 = int(min(max(np.floor(min(ay, by) - reach), 0.0), float(height)))
        y1 = int(min(max(np.ceil(max(ay, by) + reach), 0.0), float(height)))
        dx, dy = bx - ax, by - ay
        squared = max(dx * dx + dy * dy, 1e-12)
        for row in range(y0, y1):
            for column in range(x0, x1):
                px, py = column + 0.5 - ax, row + 0.5 - ay
                along = min(max((px * dx + py * dy) / squared, 0.0), 1.0)
                px, py = px - along * dx, py - along * dy
                coverage = min(reach - np.sqrt(px * px + py * py), 1.0)
                if coverage > picture[owner[s], row, column]:
                    picture[owner[s], row, column] = coverage
