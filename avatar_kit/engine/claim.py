"""One process at a time trains in a run folder."""

from __future__ import annotations

import errno
import json
import os
import platform
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from avatar_kit.errors import UserError, why
from avatar_kit.io.documents import read_json

LOCK, OWNER = ".training.lock", ".training.json"


class Claim:
    """The right to train in a run folder, for one process at a time.

    A context manager. The system takes the claim back when the process ends, however it ends.

    Args:
        root: The run folder; claiming makes it where it is not there.
    """

    def __init__(self, root: Path):
        self._root = root
        self._lock = FileLock(root / LOCK)

    def acquire(self) -> None:
        """Keep others from the folder; does nothing where this claim holds it already.

        Raises:
            UserError: Another process trains there; it is named. Or the system refuses the lock.
        """
        if self._lock.is_locked:
            return
        self._root.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise UserError(_taken(self._root)) from None
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise
            raise UserError(f"{self._root / LOCK}: cannot be locked: {why(error)}") from None
        try:
            (self._root / OWNER).write_text(json.dumps(_owner()))
        except BaseException:
            self._lock.release()
            raise

    def release(self) -> None:
        """Let others train there; does nothing where this claim does not hold the folder."""
        if not self._lock.is_locked:
            return
        (self._root / OWNER).unlink(missing_ok=True)
        self._lock.release()  # its file stays: were it removed, two could hold a lock of that name

    def __enter__(self) -> Claim:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _owner() -> dict[str, str | int]:
    return {"process": os.getpid(), "machine": platform.node(), "since": f"{datetime.now():%c}"}


def _taken(root: Path) -> str:
    try:
        owner = read_json(root / OWNER)
        who = f"process {owner['process']} on {owner['machine']}, since {owner['since']},"
    except (UserError, KeyError, TypeError):
        who = "another process"
    return f"{root}: {who} is training here; wait for it, stop it, or choose another --out"
