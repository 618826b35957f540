"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from avatar_kit.errors import UserError, why

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends well.

    The temporary name keeps the suffix, because many writers choose the format by it. The file is
    flushed to disk before it is renamed; after an error it is removed and ``path`` is as it was.
    Missing parent folders are made. Its permissions are as the umask says, whoever wrote it.

    Args:
        path: Where the finished file shall be.

    Yields:
        Where to write.

    Raises:
        UserError: Nothing can be written there. A full disk is an OSError.
    """
    target = Path(path)
    partial = temporary_sibling(target)
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "", str(target))
        target.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
        as_others(partial)
        os.replace(partial, target)
    except OSError as error:
        if error.errno in _FULL or not _is_of(error, partial, target):
            raise
        raise UserError(f"{target}: cannot be written: {why(error)}") from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _is_of(error: OSError, partial: Path, target: Path) -> bool:
    """Whether it was writing the file, or making a folder for it, that the system refused."""
    named = str(error.filename)
    return named in (str(partial), str(target), *map(str, target.parents))


def as_others(path: Path) -> None:
    """Give a file that its writer made private the permissions that a new file has here (umask)."""
    if path.stat().st_mode & 0o077:
        return
    probe = temporary_sibling(path)
    probe.touch(exist_ok=False)
    try:
        os.chmod(path, probe.stat().st_mode & 0o777)
    finally:
        probe.unlink()


def temporary_sibling(path: Path) -> Path:
    """A hidden name in the same folder (so that a rename stays on one disk), free to use."""
    return path.with_name(f".{path.stem}.{os.getpid()}-{secrets.token_hex(3)}.partial{path.suffix}")


def check_folder(out: Path) -> None:
    """Refuse a place where no new folder can be made, before there is something to put there.

    Raises:
        UserError: It is a file or not empty, or nothing can be written there.
    """
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise UserError(f"{out}: the output folder is not empty; choose another or remove it")
    try:
        above = next(folder for folder in out.absolute().parents if folder.exists())
        with tempfile.TemporaryDirectory(dir=above, prefix=".avatar-kit-"):
            pass
    except (OSError, ValueError) as error:
        raise UserError(f"{out}: no folder can be made there: {why(error)}") from None
