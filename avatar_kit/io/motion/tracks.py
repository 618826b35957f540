"""Several people in one file, and frames in which somebody was not found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from avatar_kit.errors import UserError
from avatar_kit.scene import Motion
from avatar_kit.scene.motion import concatenate, mixed

#: Frames that a file of single frames may span.
_LONGEST = 1_000_000


def without_gaps(motion: Motion, frames: np.ndarray, what: str) -> tuple[Motion, int]:
    """A motion that has a pose for every frame, and how many were put between their neighbours.

    Args:
        motion: The poses that are known.
        frames: [T] whole numbers of their frames, rising.
        what: Whose they are, for messages.

    Raises:
        UserError: The numbers do not rise, or are not one for each pose.
    """
    if frames.shape != (len(motion),) or not (
        np.isfinite(frames).all() and (np.diff(frames) >= 1).all()  # of NaN neither holds
    ):
        raise UserError(f"{what}: expected one number for each of {len(motion)} frames, rising")
    span = int(frames[-1] - frames[0]) + 1 if len(frames) else 0
    if span == len(motion):
        return motion, 0
    if span > _LONGEST:
        raise UserError(f"{what}: frames {frames[0]:.0f} to {frames[-1]:.0f} are too many")
    wanted = np.arange(span)
    at = np.interp(wanted, frames - frames[0], np.arange(len(motion)))
    low = at.astype(int).clip(max=len(motion) - 2)
    filled = mixed(
        motion[low.tolist()], motion[(low + 1).tolist()], torch.from_numpy(at - low).float()
    )
    return filled, span - len(motion)


def at_even_times(motion: Motion, times: np.ndarray) -> tuple[Motion, int]:
    """The motion at whole frames, and how many there are more than poses.

    Args:
        motion: Poses.
        times: [T] rising, in frames, the first 0: when each pose was taken.
    """
    if len(motion) < 2 or np.abs(times - np.arange(len(times))).max() < 1e-6:
        return motion, 0
    span = int(np.floor(times[-1] + 1e-6)) + 1
    at = np.interp(np.arange(span), times, np.arange(len(times)))
    low = at.astype(int).clip(max=len(motion) - 2)
    even = mixed(
        motion[low.tolist()], motion[(low + 1).tolist()], torch.from_numpy(at - low).float()
    )
    return even, max(0, span - len(motion))


def joined_people(
    people: Mapping[str, Motion], path: Path
) -> tuple[Motion, dict[str, slice] | None]:
    """The motions of people one after another, and the frames of each.

    Args:
        people: Name -> motion, at one rate.
        path: For messages.

    Returns:
        The motion; name -> frames, or None where there is one person.

    Raises:
        UserError: There is nobody.
    """
    if not people:
        raise UserError(f"{path}: holds nobody's motion")
    ends = np.cumsum([len(motion) for motion in people.values()]).tolist()
    starts = [0, *ends[:-1]]
    clips = {n: slice(a, b) for n, a, b in zip(people, starts, ends, strict=True)}
    return concatenate(list(people.values())), clips if len(people) > 1 else None
