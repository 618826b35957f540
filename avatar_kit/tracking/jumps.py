"""Jump cuts: the scene stays, and the person is at once somewhere or somehow else. Pure numpy.

Whoever moves, moves in several frames; what changes between two frames alone was cut. So the step
from one picture of the person to the next is compared with the steps around it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from avatar_kit.tracking.clips import MARGIN_FRAMES, Slices, Transition, distinct_frames

#: How many times larger than the steps around it the step of a jump is. On films that we made jumps
#: have 1.8 to 6.7, all else at most 1.2, and 1.3 where two of three frames are left out.
MIN_JUMP_RATIO = 1.6
#: Least part of the person's area that a jump moves; a lost frame moves less, a flash nothing.
MIN_MOVED_AREA = 0.18
#: Frames on either side that it is compared with.
_AROUND = 4
#: Grey levels that a step has at least where it is compared: noise.
_NOISE_LEVELS = 1.0
#: From which value on a mask shows the person.
_PERSON = 0.5
#: Frames that are converted at a time.
_PART_FRAMES = 256


def find_jumps(
    thumbnails: np.ndarray | Slices, masks: np.ndarray | Slices, known: Iterable[Transition] = ()
) -> list[Transition]:
    """Jump cuts of a video.

    Args:
        thumbnails: [T, h, w, 3] of :func:`~avatar_kit.tracking.clips.thumbnail`.
        masks: [T, h, w] masks in [0, 1] at that size.
        known: Cuts and dissolves, which are none.

    Returns:
        Cuts in order, none of them near a known transition.
    """
    thumbnails, masks = (x if isinstance(x, Slices) else Slices(x) for x in (thumbnails, masks))
    if len(thumbnails) < 2:
        return []
    distinct = distinct_frames(thumbnails)
    steps, moved = _steps(thumbnails.at(distinct), masks.at(distinct))
    if not len(steps):  # all pictures are one
        return []
    padded = np.pad(steps, _AROUND, constant_values=0.0)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND + 1)
    others = np.delete(windows, _AROUND, axis=1).max(1)
    jumps = (steps >= MIN_JUMP_RATIO * np.maximum(others, _NOISE_LEVELS)) & (moved > MIN_MOVED_AREA)
    found = [Transition(int(f), int(f)) for f in distinct[1:][jumps]]
    return [jump for jump in found if not any(_near(jump, other) for other in known)]


def _near(jump: Transition, other: Transition) -> bool:
    return other.first - MARGIN_FRAMES <= jump.first <= other.last + MARGIN_FRAMES


def _steps(thumbnails: Slices, masks: Slices) -> tuple[np.ndarray, np.ndarray]:
    """[T - 1] grey levels by which the person's picture changes, and [T - 1] the part of the area
    that is the person's in one of two frames alone; 0 where one of them shows nobody.
    """
    steps, moved = [], []
    for t in range(0, len(thumbnails) - 1, _PART_FRAMES):
        pictures = thumbnails[t : t + _PART_FRAMES + 1].astype(np.float32)
        person = masks[t : t + _PART_FRAMES + 1] > _PERSON
        both, either = person[1:] & person[:-1], person[1:] | person[:-1]
        area = either.sum((1, 2))
        change = np.abs(np.diff(pictures, axis=0)).mean(-1)
        there = person[1:].any((1, 2)) & person[:-1].any((1, 2))
        steps.append((change * either).sum((1, 2)) / np.maximum(area, 1) * there)
        moved.append((1 - both.sum((1, 2)) / np.maximum(area, 1)) * there)
    if not steps:
        return np.zeros(0), np.zeros(0)
    return np.concatenate(steps), np.concatenate(moved)
