"""Which MediaPipe is installed, which decides the default tracker; without importing it."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from avatar_kit.errors import MissingExtra, Unavailable

#: The newest Python that MediaPipe 0.10.21, the last release with Holistic, exists for.
_NEWEST = (3, 12)
_WHAT = "tracker 'mediapipe'"


def has_holistic() -> bool:
    """Whether the MediaPipe that is installed has Holistic; where none is, the extra's would."""
    found = find_spec("mediapipe")
    if found is None:
        return sys.version_info[:2] <= _NEWEST
    folders = found.submodule_search_locations or ()
    return any((Path(folder) / "python" / "solutions").is_dir() for folder in folders)


def require_holistic() -> None:
    """Refuse a MediaPipe without Holistic.

    Raises:
        Unavailable: It has none; says what to do.
    """
    if has_holistic():
        return
    if sys.version_info[:2] <= _NEWEST:
        raise MissingExtra(_WHAT, "track", "mediapipe 0.10.21")
    raise Unavailable(
        f"{_WHAT} needs MediaPipe 0.10.21, which does not exist for this Python: use the tracker "
        "'mediapipe_tasks'"
    )
