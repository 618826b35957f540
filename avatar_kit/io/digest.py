"""What a file is told by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import TypeAdapter

from avatar_kit.errors import UserError
from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.cache import cache_dir, read_kept


def file_digest(file: Path) -> str:
    """sha256 of a file's content.

    Raises:
        UserError: It cannot be read.
    """
    try:
        with open(file, "rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None


def file_digests(root: Path, files: Iterable[Path]) -> list[str]:
    """sha256 of the content of many files of a folder.

    What was found is kept in the cache, with the size and the time of each file: one that did not
    change since is not read again.

    Args:
        root: The folder.
        files: In any order.

    Raises:
        UserError: One of them cannot be read.
    """
    place = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:24]
    book = cache_dir("digests") / f"{place}.json"
    known = _read(book)
    found: dict[str, list[str]] = {}
    for path in files:
        try:
            about = path.stat()
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror})") from None
        state = f"{about.st_size}:{about.st_mtime_ns}"
        before = known.get(str(path), [])
        kept = before[1] if len(before) == 2 and before[0] == state else None
        found[str(path)] = [state, kept or file_digest(path)]
    if found != known:
        with atomic_path(book) as partial:
            partial.write_text(json.dumps(found))
    return [digest for _, digest in found.values()]


def _read(book: Path) -> dict[str, list[str]]:
    return read_kept(book, TypeAdapter(dict[str, list[str]])) or {}
