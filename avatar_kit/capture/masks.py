"""Where the person is in the pictures, and which masks cannot be right."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from avatar_kit.capture.folder import Capture
from avatar_kit.errors import UserError
from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.cache import read_kept

logger = logging.getLogger(__name__)

#: Masks above this count as the person.
_VISIBLE = 25

#: Share of its pixels from which on a mask is taken to cover all of the picture.
_FULL = 0.99

#: Left, top, right, bottom in pixels; right and bottom exclusive.
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class _Seen:
    """What the masks of a camera show: the person's box, and frames whose mask cannot be right."""

    box: Box | None
    frames: int
    empty: list[int]
    full: list[int]


_KEPT = TypeAdapter(dict[str, _Seen])


def person_boxes(capture: Capture, folder: Path) -> dict[str, Box]:
    """Camera -> the person's box over all splits, kept in the cache with what its masks lack.

    Warnings say which masks show nobody, and which cover all of the picture.

    Raises:
        UserError: No mask of a camera shows anything, or most cover all of the picture.
    """
    path = folder / "masks.json"
    found = read_kept(path, _KEPT)
    known = found is not None and _fits(found, capture)
    if found is None or not known:
        found = {name: _look_at_masks(capture, name) for name in capture.cameras}
    for name, seen in found.items():
        _check_masks(capture, name, seen)
    if not known:
        with atomic_path(path) as partial:
            partial.write_bytes(_KEPT.dump_json(found))
    return {name: seen.box for name, seen in found.items() if seen.box}


def _fits(found: dict[str, _Seen], capture: Capture) -> bool:
    """Whether what the cache holds can be of a capture."""
    if list(found) != list(capture.cameras):
        return False
    for name, seen in found.items():
        left, top, right, bottom = seen.box or (0, 0, 1, 1)
        camera = capture.cameras[name]
        if not (0 <= left < right <= camera.width and 0 <= top < bottom <= camera.height):
            return False
    return True


def _look_at_masks(capture: Capture, camera: str) -> _Seen:
    """Box of the person, number of frames, and which masks are empty or full."""
    splits = capture.splits.values()
    seen = [split.frames_of(camera) for split in splits if camera in split.cameras]
    frames = sorted({frame for part in seen for frame in part}) or list(capture.frames_of(camera))
    empty: list[int] = []
    full: list[int] = []

    def watched() -> Iterator[np.ndarray]:
        for frame, mask in zip(frames, capture.masks(frames, camera), strict=True):
            share = float((mask > _VISIBLE).mean())
            if share == 0:
                empty.append(frame)
            elif share > _FULL:
                full.append(frame)
            yield mask

    box = union_box(watched())
    return _Seen(box, len(frames), empty, full)


def _check_masks(capture: Capture, camera: str, seen: _Seen) -> None:
    of = f" of camera '{camera}'" if len(capture.cameras) > 1 else ""
    if seen.box is None:
        raise UserError(f"{capture.root}: every mask{of} is empty; prepare the capture again")
    if 2 * len(seen.full) > seen.frames:
        raise UserError(
            f"{capture.root}: {len(seen.full)} of {seen.frames} masks{of} cover all of the "
            "picture: a mask must be white on the person and black elsewhere"
        )
    for which, says in (
        (seen.empty, "show nobody"),
        (seen.full, "cover all of the picture"),
    ):
        if which:
            first = ", ".join(map(str, which[:5])) + (" ..." if len(which) > 5 else "")
            logger.warning(
                "%s: %d of %d masks%s %s (frames %s)",
                *(capture.root, len(which), seen.frames, of, says, first),
            )


def union_box(masks: Iterable[np.ndarray]) -> Box | None:
    """The box of all that is visible in any mask; None if nothing is."""
    rows: np.ndarray | None = None
    columns: np.ndarray | None = None
    for mask in masks:
        visible = mask > _VISIBLE
        rows = visible.any(1) if rows is None else rows | visible.any(1)
        columns = visible.any(0) if columns is None else columns | visible.any(0)
    if rows is None or columns is None or not rows.any():
        return None
    y, x = np.flatnonzero(rows), np.flatnonzero(columns)
    return int(x[0]), int(y[0]), int(x[-1]) + 1, int(y[-1]) + 1
