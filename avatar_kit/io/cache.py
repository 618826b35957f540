"""Where things that can be made again are kept."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir(*parts: str) -> Path:
    """The project's cache folder, or a folder below it (made if it is not there).

    ``AVATAR_KIT_CACHE`` moves it; otherwise it is ``$XDG_CACHE_HOME/avatar-kit``, by default
    ``~/.cache/avatar-kit``. Everything in it can be deleted at any time.
    """
    root = os.environ.get("AVATAR_KIT_CACHE")
    base = Path(root) if root else _xdg() / "avatar-kit"
    folder = base.expanduser().joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _xdg() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
