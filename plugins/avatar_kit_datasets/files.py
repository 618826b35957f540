"""Files of numbers in the ways the field keeps them, each key checked as it is taken."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from avatar_kit.errors import UserError, shown
from avatar_kit.io.documents import read_json, read_text
from avatar_kit.io.motion.arrays import read_npz
from avatar_kit.io.plain_pickle import read_pickle

#: Bytes of a text file that are read: a table of images of COLMAP is the largest.
_LARGEST_TEXT = 256 << 20


class Numbers:
    """Named values of a file.

    Args:
        path: The file, for errors.
        values: Its content.
    """

    def __init__(self, path: Path, values: Any):
        if not isinstance(values, Mapping):
            raise UserError(f"{path}: holds a {type(values).__name__}, expected named values")
        self.path, self.values = path, values

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def part(self, key: str) -> Numbers:
        """Named values below a key."""
        return Numbers(self.path, self._at(key))

    def array(self, key: str, shape: tuple[int | None, ...]) -> np.ndarray:
        """Finite numbers of a shape; None stands for any length.

        Axes of length 1, and joints times 3 in place of one row, are forgiven.

        Raises:
            UserError: The key is missing or holds something else.
        """
        try:
            found = np.asarray(self._at(key), dtype=float)
        except (TypeError, ValueError):
            raise UserError(f"{self.path}: key '{key}' holds no numbers") from None
        fixed = found if _fits(found.shape, shape) else _squeezed(found, shape)
        if fixed is None:
            wanted = ", ".join("N" if n is None else str(n) for n in shape)
            raise UserError(
                f"{self.path}: key '{key}' is {found.shape}, expected ({wanted}){_hint(found)}"
            )
        if not np.isfinite(fixed).all():
            raise UserError(f"{self.path}: key '{key}' holds NaN or infinity")
        return fixed

    def number(self, key: str) -> float:
        """A single number."""
        return float(self.array(key, ()))

    def first_row(self, key: str) -> np.ndarray:
        """[S] finite numbers: of several rows the first."""
        return self.rows(key)[0]

    def rows(self, key: str) -> list[np.ndarray]:
        """Rows of finite numbers, each flat; a single row is one of them.

        Raises:
            UserError: The key is missing or holds something else.
        """
        try:
            held = np.asarray(self._at(key), dtype=float)
        except (TypeError, ValueError):
            raise UserError(f"{self.path}: key '{key}' holds no rows of numbers") from None
        if not held.size or not np.isfinite(held).all():
            raise UserError(f"{self.path}: key '{key}' is empty, or holds NaN or infinity")
        return [row.reshape(-1) for row in np.atleast_2d(held)]

    def names(self, key: str) -> list[str]:
        """A list of names.

        Raises:
            UserError: The key is missing or holds something else.
        """
        found = self._at(key)
        if not isinstance(found, list) or not all(isinstance(n, str | int) for n in found):
            raise UserError(f"{self.path}: key '{key}' is {shown(found)}, expected a list of names")
        return [str(name) for name in found]

    def _at(self, key: str) -> Any:
        if key not in self.values:
            known = ", ".join(sorted(map(str, self.values))) or "none"
            raise UserError(f"{self.path}: key '{key}' is missing (keys: {known})")
        return self.values[key]


def _fits(found: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(found) == len(wanted) and all(
        n in (None, m) for n, m in zip(wanted, found, strict=True)
    )


def _squeezed(found: np.ndarray, wanted: tuple[int | None, ...]) -> np.ndarray | None:
    short = found.squeeze()
    if _fits(short.shape, wanted):
        return short
    if len(wanted) == 1 and found.ndim > 1 and wanted[0] == found.size:
        return found.reshape(-1)
    flat = found.reshape(len(found), math.prod(found.shape[1:])) if found.ndim > 2 else found
    return flat if _fits(flat.shape, wanted) else None


def _hint(found: np.ndarray) -> str:
    known = {72: "SMPL's", 156: "SMPL-H's", 165: "SMPL-X's"}
    last = found.shape[-1] if found.ndim else 0
    return f"; {last} are the values of a whole pose of {known[last]}" if last in known else ""


def npz(path: Path) -> Numbers:
    """The arrays of an npz; pickled objects in it are never read."""
    return Numbers(path, read_npz(path))


def pickled(path: Path) -> Numbers:
    """The numbers of a pickle, read without running anything."""
    return Numbers(path, read_pickle(path))


def from_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        UserError: It is missing or no JSON.
    """
    return read_json(path)


def text_of(path: Path) -> str:
    """The text of a file, UTF-8.

    Raises:
        UserError: It is missing, too large, or no text.
    """
    return read_text(path, limit=_LARGEST_TEXT)


def parsed(words: Sequence[str], path: Path, where: str = "") -> np.ndarray:
    """Finite numbers of a line of text.

    Args:
        words: The numbers.
        path: The file, for errors.
        where: The place in it, for errors.

    Raises:
        UserError: A word is none.
    """
    try:
        found = np.array([float(word) for word in words])
    except ValueError:
        found = np.array([np.nan])
    if not np.isfinite(found).all():
        line = where or shown(" ".join(words))
        raise UserError(f"{path}: {line}: holds something that is no finite number")
    return found


def needed(root: Path, *names: str) -> Path:
    """The first of some files that is there.

    Raises:
        UserError: None is.
    """
    for name in names:
        if (root / name).exists():
            return root / name
    raise UserError(f"{root}: {' or '.join(names)} is missing")
