"""When the frames of an animation are that has keys at any times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.io.motion.options import RATES

#: Frames that the animations of a file may have.
LONGEST = 1_000_000


@dataclass(frozen=True)
class Clock:
    """When the frames of an animation are.

    Attributes:
        times: [T] seconds.
        fps: Frames per second.
        stated: Whether the file states the rate, or its keys lie at even times.
    """

    times: np.ndarray
    fps: float
    stated: bool


def even_clock(start: float, end: float, fps: float, stated: bool, path: Path) -> Clock:
    """Frames from a first to a last second.

    Raises:
        UserError: There are too many frames.
    """
    count = int(np.floor((end - start) * fps + 1e-3)) + 1
    if count > LONGEST:
        raise UserError(f"{path}: {count} frames are too many")
    return Clock(start + np.arange(count) / fps, fps, stated)


def rate_of_keys(keys: Sequence[np.ndarray]) -> tuple[float, bool]:
    """Frames per second by the times between the keys of the densest curve.

    Args:
        keys: Times in seconds of each curve.

    Returns:
        The rate, and whether the keys lie at even times; 30 if they do not.
    """
    densest = max(keys, key=len)
    steps = np.diff(densest)
    steps = steps[steps > 1e-6]
    if not len(steps):
        return 30.0, False
    rate = 1 / float(np.median(steps))
    near = float(round(rate)) if abs(rate - round(rate)) < 0.02 * rate else rate
    even = bool((np.abs(steps - np.median(steps)) < 0.05 * np.median(steps)).mean() > 0.9)
    if not even or not RATES[0] <= near <= RATES[1]:
        return 30.0, False
    return near, True
