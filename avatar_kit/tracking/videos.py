"""Opening the videos of one person: each a camera of the capture, all at one rate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from avatar_kit.capture.layout import CAMERA
from avatar_kit.errors import UserError
from avatar_kit.io.picture_sequence import is_sequence
from avatar_kit.io.read_options import ReadOptions
from avatar_kit.io.video import VideoReader
from avatar_kit.tracking.observe import decode
from avatar_kit.tracking.stages import Progress

#: Rates of two videos are the same if they differ by no larger part: 30 and 29.97.
SAME_RATE_SHARE = 0.01


def open_videos(
    paths: Sequence[Path], reads: Sequence[ReadOptions], told: Sequence[Progress]
) -> list[VideoReader]:
    """Open the videos of one person; faster ones are read at the rate of the slowest.

    Args:
        paths: The videos.
        reads: What is read of each.
        told: Of each, who hears of it.

    Raises:
        UserError: One cannot be read or is given twice, or pictures in a folder have another rate.
    """
    if twice := [p for k, p in enumerate(paths) if p.resolve() in {q.resolve() for q in paths[:k]}]:
        raise UserError(f"{twice[0]}: given twice; name each video once")
    readers = [decode(*each) for each in zip(paths, reads, told, strict=True)]
    slowest = min(readers, key=lambda reader: reader.fps)
    for k, reader in enumerate(readers):
        if reader.fps <= (1 + SAME_RATE_SHARE) * slowest.fps:
            continue
        if is_sequence(reader.path):
            raise UserError(
                f"{reader.path}: {reader.fps:g} pictures per second, but {slowest.path} has "
                f"{slowest.fps:g}; convert the pictures to a video"
            )
        options = replace(reader.options, fps=slowest.fps * reader.options.every)
        readers[k] = decode(reader.path, options, told[k])
        readers[k].notes.append(
            f"{slowest.fps:g} of {reader.fps:g} frames per second are read, the rate of the "
            f"slowest video, {slowest.path.name}"
        )
    return readers


def from_box(read: ReadOptions, seconds: float | None) -> ReadOptions:
    """What is read of a video in which a box says who is meant at some time.

    Raises:
        UserError: The time is before what is read.
    """
    if seconds is None or seconds == read.start:
        return read
    if seconds < read.start:
        raise UserError(
            f"--box @{seconds:g}: is before --start {read.start:g}; give a box of a later picture"
        )
    return replace(read, start=seconds)


def camera_names(paths: Sequence[Path]) -> list[str]:
    """A name for the camera of each video: of several, that of the file, as a folder can have."""
    if len(paths) == 1:
        return [CAMERA]
    names: list[str] = []
    for path in paths:
        plain = re.sub(r"[^\w.-]", "_", path.stem).lstrip(".")[:60] or "video"
        found, count = plain, 1
        while found in names:
            count += 1
            found = f"{plain}-{count}"
        names.append(found)
    return names
