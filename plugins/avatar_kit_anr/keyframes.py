"""Key frames: few frames that together show as much of the surface as possible."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from avatar_kit.graphics import uv_map
from avatar_kit.interfaces import Samples
from avatar_kit.scene import FrameContext

#: Frames at most that are looked at; a longer split is strided.
CANDIDATES = 2000

#: Height in pixels at which visibility is drawn.
_DRAWN = 128


@torch.no_grad()
def visible_texels(context: FrameContext, side: int) -> np.ndarray:
    """[B, side * side] bool: the texels that some pixel of each frame sees."""
    camera = context.camera
    scale = min(1.0, _DRAWN / camera.height)
    small = camera.crop_resize(
        0, 0, scale, round(camera.width * scale), round(camera.height * scale)
    )
    drawn = replace(context, camera=small)
    uv = uv_map(context.body.topology, drawn.fragments)
    column, row = (uv * side).long().clamp(0, side - 1).unbind(1)
    covered = drawn.fragments.triangle >= 0
    seen = np.zeros((len(context), side * side), dtype=bool)
    frame = covered.nonzero()[:, 0].cpu().numpy()
    seen[frame, (row * side + column)[covered].cpu().numpy()] = True
    return seen


def greedy_cover(seen: np.ndarray, count: int) -> list[int]:
    """Rows that are chosen one by one, each for the most columns not covered yet.

    Where no row adds anything, the count of covered columns starts again from nothing, so that
    later rows cover the surface a second time.

    Args:
        seen: [N, M] bool.
        count: Rows to choose, at most N.

    Returns:
        Distinct rows in the order they were chosen.
    """
    free = np.ones(len(seen), dtype=bool)
    open_columns = np.ones(seen.shape[1], dtype=bool)
    chosen: list[int] = []
    while len(chosen) < count:
        gain = np.where(free, (seen & open_columns).sum(1), -1)
        best = int(gain.argmax())
        if gain[best] == 0 and not open_columns.all():
            open_columns[:] = True
            continue
        chosen.append(best)
        free[best] = False
        open_columns &= ~seen[best]
    return chosen


def key_frames(samples: Samples, share: float, texels: int) -> list[int]:
    """Sorted positions of the key frames (ANR, section 3.4).

    Args:
        samples: The training samples.
        share: Key frames as a share of all; at least one, and one frame is always left over.
        texels: Side of the chart at which coverage is counted.
    """
    positions = range(0, len(samples), -(-len(samples) // CANDIDATES))
    seen = np.concatenate([visible_texels(samples.context(i), texels) for i in positions])
    count = min(max(1, int(share * len(seen))), max(1, len(seen) - 1))
    return sorted(positions[i] for i in greedy_cover(seen, count))
