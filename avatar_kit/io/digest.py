"""What a file is told by."""

from __future__ import annotations

import hashlib
from pathlib import Path

from avatar_kit.errors import UserError


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
