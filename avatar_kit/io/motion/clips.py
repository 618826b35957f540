"""Files that hold many clips end to end: ``clip_len`` and ``clip_name`` beside the frames."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from avatar_kit.errors import UserError, near
from avatar_kit.io.motion.values import numbers


def clips_of(data: Mapping[Any, Any], frames: int, path: Path) -> dict[str, slice] | None:
    """Clip -> its frames; None if the file holds one motion.

    Raises:
        UserError: Lengths and names that do not fit each other or the frames.
    """
    if "clip_len" not in data:
        return None
    lengths = numbers(data["clip_len"], f"{path}: key 'clip_len'").ravel().astype(int)
    names = clip_names(data, path)
    if lengths.sum() != frames or (lengths < 0).any():
        raise UserError(
            f"{path}: clip_len adds up to {lengths.sum()}, but there are {frames} frames"
        )
    edges = np.concatenate([[0], np.cumsum(lengths)]).tolist()
    return {name: slice(edges[i], edges[i + 1]) for i, name in enumerate(names)}


def clip_names(data: Mapping[Any, Any], path: Path) -> list[str]:
    """Names of the clips; the file's own name if it holds one motion.

    Raises:
        UserError: There are more or fewer names than clips, or one twice.
    """
    if "clip_len" not in data:
        return [path.stem]
    count = np.size(data["clip_len"])
    names = [str(name) for name in np.ravel(data.get("clip_name", np.arange(count)))]
    if len(names) != count:
        raise UserError(f"{path}: {count} values of clip_len but {len(names)} of clip_name")
    if len(set(names)) < count:
        raise UserError(f"{path}: two clips in clip_name have the same name")
    return names


def clip_frames(
    clips: Mapping[str, slice] | None, clip: str | int | None, path: Path
) -> tuple[str, slice]:
    """Name and frames of one clip.

    Raises:
        UserError: No such clip, or several clips and none chosen.
    """
    if clips is None:
        if clip not in (None, 0, path.stem):
            raise UserError(f"{path}: holds one motion, no clip '{clip}'")
        return path.stem, slice(None)
    names = list(clips)
    name = names[_index(names, clip, path)]
    return name, clips[name]


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
