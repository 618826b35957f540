"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avatar_kit.errors import UserError


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends well.

    The temporary name keeps the suffix, because many writers choose the format by it. The file is
    flushed to disk before it is renamed; after an error it is removed and ``path`` is as it was.
    Missing parent folders are made.

    Args:
        path: Where the finished file shall be.

    Yields:
        Where to write.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = temporary_sibling(target)
    try:
        yield partial
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


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
    above = next(folder for folder in out.absolute().parents if folder.exists())
    try:
        with tempfile.TemporaryDirectory(dir=above, prefix=".avatar-kit-"):
            pass
    except OSError as error:
        raise UserError(
            f"{out}: no folder can be made there ({above}: {error.strerror}); choose another place"
        ) from None
