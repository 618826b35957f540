"""From the timestamps of a video to a constant frame rate."""

from __future__ import annotations

import numpy as np


def frame_rate(times: np.ndarray, tick: float) -> float:
    """Frames per second: one over the usual step between frames.

    The median step alone would inherit the rounding of coarse clocks (33 ms for 30 fps), so the
    steps near the median are averaged.

    Args:
        times: [N] rising presentation times in seconds, N >= 2.
        tick: Resolution of the clock in seconds.
    """
    steps = np.diff(times)
    median = float(np.median(steps))
    usual = steps[np.abs(steps - median) <= 0.1 * median + 1.01 * tick]
    return 1.0 / float(usual.mean())


def is_constant(times: np.ndarray, fps: float, tick: float) -> bool:
    """Whether every frame lies within a tick or a tenth of a frame of a constant rate."""
    ideal = times[0] + np.arange(len(times)) / fps
    return bool(np.all(np.abs(times - ideal) <= max(0.1 / fps, 1.01 * tick)))


def resample_nearest(times: np.ndarray, fps: float) -> np.ndarray:
    """For every slot of a constant rate the nearest frame in time.

    Args:
        times: [N] rising presentation times in seconds.
        fps: The constant rate.

    Returns:
        [M] non-decreasing index into ``times``; a frame may be left out or repeated.
    """
    slots = times[0] + np.arange(round((times[-1] - times[0]) * fps) + 1) / fps
    after = np.searchsorted(times, slots).clip(1, max(1, len(times) - 1))
    if len(times) == 1:
        return np.zeros(1, dtype=np.int64)
    before = after - 1
    return np.where(slots - times[before] <= times[after] - slots, before, after)


#: Frames at the end of a file that may wait for others that are stored after them.
_REORDERED = 32


def before_holes(times: np.ndarray) -> np.ndarray:
    """The times before the first hole near the end: a file that is cut off lacks frames there.

    Frames are stored in the order of decoding, so those that come last may have been shown between
    others that are lost.

    Args:
        times: [N] rising presentation times in seconds.
    """
    if len(times) < 3:
        return times
    steps = np.diff(times)
    start = max(0, len(steps) - _REORDERED)
    holes = np.flatnonzero(steps[start:] > 1.5 * np.median(steps))
    return times[: start + int(holes[0]) + 1] if len(holes) else times
