"""Regular files alone are read: a pipe or a device would be waited for without an end."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from avatar_kit.errors import UserError, why

_BLOCK = 1 << 16

#: Kind of what is no regular file -> its name.
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def check_regular(path: Path, what: str = "file", fix: str = "") -> os.stat_result:
    """What the system says of a regular file.

    Args:
        path: The file.
        what: What it is expected to be, for messages.
        fix: How to get one, the end of the message that says there is none.

    Raises:
        UserError: It is missing, cannot be reached, or is a folder, a pipe or a device.
    """
    try:
        about = os.stat(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such {what}{fix and f'; {fix}'}") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: the {what} cannot be read: {why(error)}") from None
    if not stat.S_ISREG(about.st_mode):
        kind = _KINDS.get(stat.S_IFMT(about.st_mode), "no regular file")
        raise UserError(f"{path}: is {kind}; expected a {what}")
    return about


@contextmanager
def opened(
    path: str | Path, *, what: str = "file", limit: int | None = None, fix: str = ""
) -> Iterator[IO[bytes]]:
    """A regular file, open for reading.

    Args:
        path: The file.
        what: What it is expected to be, for messages.
        limit: Bytes that it may have; None: any number.
        fix: How to get one, the end of the message that says there is none.

    Raises:
        UserError: It is missing, closed to us, no regular file, larger than the limit, or the disk
            fails while it is read.
    """
    path = Path(path)
    size = check_regular(path, what, fix).st_size
    if limit is not None and size > limit:
        raise UserError(
            f"{path}: has {size / 2**20:.3g} MiB, more than any {what} ({limit / 2**20:.3g} MiB); "
            "is it the right file?"
        )
    try:
        with open(path, "rb") as file:
            yield file
    except OSError as error:
        if error.errno is None:  # not the system's: a decoder's, of what it read
            raise
        raise UserError(f"{path}: the {what} cannot be read: {why(error)}") from None


def read_bytes(path: str | Path, *, what: str = "file", limit: int, fix: str = "") -> bytes:
    """All of a regular file; arguments and errors of :func:`opened`."""
    with opened(path, what=what, limit=limit, fix=fix) as file:
        size = os.fstat(file.fileno()).st_size  # what is asked for is allocated at once
        return file.read(min(limit, max(size, _BLOCK)) + 1)


def read_text(path: str | Path, *, what: str = "file", limit: int, fix: str = "") -> str:
    """The text of a regular file, UTF-8 with or without a byte order mark.

    Raises:
        UserError: As for :func:`opened`; or it is no text.
    """
    data = read_bytes(path, what=what, limit=limit, fix=fix)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: is no text (byte {error.start} is not UTF-8); expected a {what} in UTF-8"
        ) from None
