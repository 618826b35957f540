"""Who of several people is meant, in one video or in several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.io.read_options import Rectangle
from avatar_kit.tracking.identity import people

Ranges = list[tuple[int, int]]


def one_person(
    videos: Sequence[tuple[Path, Ranges, np.ndarray]],
    wanted: str | None,
    boxed: Sequence[bool] = (),
) -> tuple[list[Ranges], list[str]]:
    """The ranges of frames that show the person who is meant, and what to say of the others.

    Args:
        videos: File, half-open ranges of frames, and [T, L, 3] looks of its frames
            (:func:`~avatar_kit.tracking.identity.appearance`).
        wanted: A number from 1, counted over all videos, or "all"; None: there is one.
        boxed: Of each video whether it begins with the person who is meant; none does by default.

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
    first = [numbers[0] for numbers, b in zip(who, boxed, strict=False) if b and numbers]
    if wanted is None and len(set(first)) == 1:
        wanted = str(first[0] + 1)
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
            raise UserError(f"{path}: does not show person {wanted} ({listed}); omit this video")
    return kept, [f"{count} people one after another: person {wanted} is used"]


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


def in_box(boxes: np.ndarray, wanted: Rectangle, video: Path) -> int:
    """Which of the people in a picture is meant: whose middle is in a rectangle, and who fills it.

    Args:
        boxes: [N, 4] left, top, right, bottom of the people, in pixels of the file.
        wanted: Left, top, width and height in the same pixels.
        video: For the message.

    Raises:
        UserError: Nobody's middle is in it; names the boxes that are there.
    """
    x, y, width, height = wanted
    end = np.array([x + width, y + height])
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = ((middle >= (x, y)) & (middle <= end)).all(-1)
    if not inside.any():
        there = [",".join(f"{v:.0f}" for v in (a, b, c - a, d - b)) for a, b, c, d in boxes]
        raise UserError(
            f"{video}: --box {x},{y},{width},{height} has nobody in its middle in the first "
            "picture that is read; the picture shows people at "
            f"{' and '.join(there) or 'no place'}"
        )
    both = (np.minimum(boxes[:, 2:], end) - np.maximum(boxes[:, :2], (x, y))).clip(0).prod(-1)
    either = (boxes[:, 2:] - boxes[:, :2]).prod(-1) + width * height - both
    return int(np.where(inside, both / either, -1).argmax())
