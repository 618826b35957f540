"""One door for motion files of every layout."""

from __future__ import annotations

from pathlib import Path

from avatar_kit.errors import UserError
from avatar_kit.io.motion.arrays import checked, read_npz
from avatar_kit.io.motion.native import from_native, is_native
from avatar_kit.scene import Motion


def load_motion(path: str | Path, fps: float | None = None) -> Motion:
    """Read a motion file."""
    path = Path(path)
    data = read_npz(path)
    if not is_native(data):
        raise UserError(f"{path}: unknown layout of a motion file, keys {', '.join(sorted(data))}")
    motion = checked(from_native(data, path), path)
    return motion if fps is None else motion.resample(fps)


def list_clips(path: str | Path) -> list[str]:
    """Names of the clips in a motion file."""
    return []
