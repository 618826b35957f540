"""One process at a time trains in a run folder."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from avatar_kit.errors import UserError

_LOCK, _OWNER = ".training.lock", ".training.json"


@contextmanager
def claimed(root: Path) -> Iterator[None]:
    """Train in a run folder, and keep others from it until the block or the process ends.

    Raises:
        UserError: Another process trains there; it is named.
    """
    root.mkdir(parents=True, exist_ok=True)
    lock = FileLock(root / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(_taken(root)) from None
    owner = {"process": os.getpid(), "machine": platform.node(), "since": f"{datetime.now():%c}"}
    try:
        (root / _OWNER).write_text(json.dumps(owner))
        yield
    finally:
        (root / _OWNER).unlink(missing_ok=True)
        lock.release()  # its file stays: were it removed, two could hold a lock of that name


def check_unclaimed(root: Path) -> None:
    """Refuse a run folder that another process trains in.

    Raises:
        UserError: One does; it is named.
    """
    if (root / _LOCK).exists():
        with claimed(root):
            pass


def _taken(root: Path) -> str:
    try:
        owner = json.loads((root / _OWNER).read_text())
        who = f"process {owner['process']} on {owner['machine']}, since {owner['since']},"
    except (OSError, ValueError, KeyError, TypeError):
        who = "another process"
    return f"{root}: {who} is training here; wait for it, end it, or choose another --out"
