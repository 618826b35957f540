"""Files that hold many clips end to end: ``clip_len`` and ``clip_name`` beside the frames."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from avatar_kit.errors import UserError, near

#: Keys with a row for each frame, one of which every layout has.
_FRAMES = ("global_orient", "poses", "root_orient")


def clip_names(data: Mapping[str, np.ndarray], path: Path) -> list[str]:
    """Names of the clips; the file's own name if it holds one motion."""
    if "clip_len" not in data:
        return [path.stem]
    count = len(data["clip_len"])
    names = [str(name) for name in data.get("clip_name", np.arange(count))]
    if len(names) != count:
        raise UserError(f"{path}: {count} values of clip_len but {len(names)} of clip_name")
    return names


def clip_frames(data: Mapping[str, np.ndarray], clip: str | int | None, path: Path) -> slice:
    """The frames of one clip.

    Raises:
        UserError: No such clip; several clips and none chosen; or lengths that do not add up.
    """
    names = clip_names(data, path)
    if "clip_len" not in data:
        if clip not in (None, 0, path.stem):
            raise UserError(f"{path}: holds one motion, no clip '{clip}'")
        return slice(None)
    edges = np.concatenate([[0], np.cumsum(data["clip_len"])])
    frames = next((len(data[key]) for key in _FRAMES if key in data), 0)
    if edges[-1] != frames:
        raise UserError(f"{path}: clip_len adds up to {edges[-1]}, but there are {frames} frames")
    index = _index(names, clip, path)
    return slice(int(edges[index]), int(edges[index + 1]))


def _index(names: list[str], clip: str | int | None, path: Path) -> int:
    if clip is None and len(names) == 1:
        return 0
    if clip is None:
        raise UserError(
            f"{path}: holds {len(names)} clips; name one, e.g. '{path.name}#{names[0]}'"
        )
    if isinstance(clip, str) and clip in names:
        return names.index(clip)
    if str(clip).isdigit() and int(clip) < len(names):
        return int(clip)
    raise UserError(
        f"{path}: no clip '{clip}'"
        + (near(str(clip), names) or f"; the first of {len(names)} is '{names[0]}'")
    )
