"""Where things that can be made again are kept."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from avatar_kit.errors import UserError, why
from avatar_kit.io.documents import read_json

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_T = TypeVar("_T")


def cache_dir(*parts: str) -> Path:
    """The project's cache folder, or a folder below it (made if it is not there).

    ``AVATAR_KIT_CACHE`` moves it; otherwise it is ``$XDG_CACHE_HOME/avatar-kit``, by default
    ``~/.cache/avatar-kit``. Everything in it can be deleted at any time.
    """
    root = os.environ.get("AVATAR_KIT_CACHE")
    base = Path(root) if root else _xdg() / "avatar-kit"
    folder = base.expanduser().joinpath(*parts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{folder}: no cache can be kept there: {why(error)}; AVATAR_KIT_CACHE moves it"
        ) from None
    return folder


def cache_limit() -> int:
    """Bytes that decoded frames may take: ``AVATAR_KIT_CACHE_GIB``, by default 20 GiB.

    Raises:
        UserError: The variable is no positive number.
    """
    return _limit("AVATAR_KIT_CACHE_GIB", "20")


def stages_limit() -> int:
    """Bytes that stages of ``prepare`` may take: ``AVATAR_KIT_STAGES_GIB``, by default 5 GiB.

    Raises:
        UserError: The variable is no positive number.
    """
    return _limit("AVATAR_KIT_STAGES_GIB", "5")


def cache_size(name: str) -> int:
    """Bytes in a folder of the cache."""
    return sum(_size(folder) for folder in cache_dir(name).iterdir() if folder.is_dir())


def _limit(variable: str, default: str) -> int:
    text = os.environ.get(variable, default)
    try:
        gib = float(text)
    except ValueError:
        gib = 0.0
    if not 0 < gib < math.inf:
        raise UserError(f"{variable}={text}: expected a positive number of GiB")
    return int(gib * 2**30)


def read_kept(path: Path, kind: TypeAdapter[_T]) -> _T | None:
    """What a JSON file of the cache holds; None where it is not there, or damaged: make it anew.

    Args:
        path: The file.
        kind: What it must hold.
    """
    if not path.exists():
        return None
    try:
        return kind.validate_python(read_json(path, what="file of the cache"))
    except (UserError, ValidationError):
        return None


def mark_used(entry: Path, limit: int) -> int:
    """Note that a folder of the cache is in use; over the limit, delete what was not used longest.

    Files that another process has open stay readable there.

    Args:
        entry: The folder; it stays even if it alone is over the limit.
        limit: Bytes that it and its siblings may take.

    Returns:
        How many folders were deleted.
    """
    with contextlib.suppress(FileNotFoundError):  # somebody deleted the cache just now
        os.utime(entry)
    if not entry.parent.is_dir():
        return 0
    siblings = [folder for folder in entry.parent.iterdir() if folder.is_dir()]
    sizes = {folder: _size(folder) for folder in siblings}
    excess = sum(sizes.values()) - limit
    dropped = 0
    for folder in sorted(siblings, key=_last_used):
        if excess > 0 and folder != entry:
            shutil.rmtree(folder, ignore_errors=True)
            excess -= sizes[folder]
            dropped += 1
    return dropped


def _size(folder: Path) -> int:
    """Bytes of all files below; another process may delete some meanwhile."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(parent, name)).st_size
    return total


def _last_used(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:  # another process was first
        return 0.0


def _xdg() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
