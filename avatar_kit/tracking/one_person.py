"""Who of several people is meant, in one video or in several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.tracking.identity import people

Ranges = list[tuple[int, int]]


def one_person(
    videos: Sequence[tuple[Path, Ranges, np.ndarray]], wanted: str | None
) -> tuple[list[Ranges], list[str]]:
    """The ranges of frames that show the person who is meant, and what to say of the others.

    Args:
        videos: File, half-open ranges of frames, and [T, L, 3] looks of its frames
            (:func:`~avatar_kit.tracking.identity.appearance`).
        wanted: A number from 1, counted over all videos, or "all"; None: there is one.

    Raises:
        UserError: There are several, and it was not said which is meant, or no such one; or a video
            does not show her.
    """
    who = _who(videos)
    count = max((n for part in who for n in part), default=-1) + 1
    everything = [list(ranges) for _, ranges, _ in videos]
    if wanted == "all" or (wanted is None and count <= 1):
        return everything, []
    names = ", ".join(str(path) for path, _, _ in videos)
    listed = "; ".join(f"person {k + 1} in {_places(videos, who, k)}" for k in range(count))
    if wanted is None:
        shows = "show" if len(videos) > 1 else "shows"
        raise UserError(
            f"{names}: {shows} {count} people one after another ({listed}); choose one with "
            "avatar-kit prepare --person 1 (--person all if they are the same), or cut the video"
        )
    if not wanted.isdigit() or not 1 <= int(wanted) <= count:
        raise UserError(f"{names}: --person {wanted}: expected 1 to {count}, or all ({listed})")
    if count == 1:
        return everything, []
    kept = []
    for (path, ranges, _), numbers in zip(videos, who, strict=True):
        kept.append([r for r, n in zip(ranges, numbers, strict=True) if n == int(wanted) - 1])
        if ranges and not kept[-1]:
            raise UserError(f"{path}: does not show person {wanted} ({listed}); leave it out")
    return kept, [f"{count} people one after another: person {wanted} taken"]


def _who(videos: Sequence[tuple[Path, Ranges, np.ndarray]]) -> list[list[int]]:
    """Who is in each range of each video: numbers from 0, counted over all of them."""
    first, ranges = 0, []
    for _, part, looks in videos:
        ranges += [(first + a, first + b) for a, b in part]
        first += len(looks)
    numbers = iter(people(np.concatenate([looks for _, _, looks in videos]), ranges))
    return [[next(numbers) for _ in part] for _, part, _ in videos]


def _places(
    videos: Sequence[tuple[Path, Ranges, np.ndarray]], who: list[list[int]], person: int
) -> str:
    """Where a person is: "frames 0-35, 72-107", of several videos with their names."""
    places = []
    for (path, ranges, _), numbers in zip(videos, who, strict=True):
        own = [r for r, n in zip(ranges, numbers, strict=True) if n == person]
        if own:
            frames = ", ".join(f"{a}-{b - 1}" for a, b in own)
            of = f" of {path.name}" if len(videos) > 1 else ""
            places.append(f"frames {frames}{of}")
    return " and ".join(places)
