"""Files of the format HDF5 (extra datasets), where any access may find damage."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from avatar_kit.errors import MissingExtra, UserError
from avatar_kit.io.documents import check_regular

#: What the library raises where it finds damage.
_DAMAGE = (
    *(OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError),
    *(ArithmeticError, MemoryError),
)

#: Bytes of an array that is read at once.
_LARGEST = 1 << 30


class Hdf5File:
    """The arrays of an open file by key, such as ``"SMPLx/betas"``.

    The library finds damage when it comes to it, and says so by errors of several kinds; here it is
    always a :class:`UserError` that names the file and the key.

    Args:
        path: The file, for errors.
        file: What h5py opened.
    """

    def __init__(self, path: Path, file: Any):
        self.path, self._file = path, file

    def __contains__(self, key: str) -> bool:
        with self._access(key):
            return key in self._file

    def names(self, key: str = "/") -> list[str]:
        """What lies below a key; nothing where the key is missing or holds an array.

        Raises:
            UserError: The file is damaged.
        """
        with self._access(key):
            held = self._file.get(key)
            names = list(held) if hasattr(held, "keys") else []
            # a damaged name is bytes
            return [n if isinstance(n, str) else n.decode(errors="replace") for n in names]

    def count(self, key: str) -> int:
        """Length of the first axis of an array.

        Raises:
            UserError: The key is missing or holds no array of one axis or more.
        """
        _, shape, _ = self._array(key)
        if not shape:
            raise UserError(f"{self.path}: key '{key}' is a single value, expected an array")
        return int(shape[0])

    def array(self, key: str, row: int | None = None) -> np.ndarray:
        """An array of numbers, or one row of it.

        Raises:
            UserError: The key or the row is missing, or it holds something else or too much.
        """
        held, whole, dtype = self._array(key)
        shape = whole if row is None else whole[1:]
        if row is not None and not (whole and row < whole[0]):
            raise UserError(f"{self.path}: key '{key}' has no row {row} (shape {whole})")
        if dtype.kind not in "biuf":
            raise UserError(f"{self.path}: key '{key}' holds {dtype}, expected numbers")
        if math.prod(shape) * dtype.itemsize > _LARGEST:
            raise UserError(
                f"{self.path}: key '{key}' claims {shape} values of {dtype}, more than is read"
            )
        with self._access(key):
            return np.asarray(held[()] if row is None else held[row])

    def _array(self, key: str) -> tuple[Any, tuple[int, ...], np.dtype]:
        """What h5py has at a key, its shape and type."""
        if key not in self:
            raise UserError(
                f"{self.path}: key '{key}' is missing (keys: {', '.join(self.names()) or 'none'})"
            )
        with self._access(key):
            held = self._file[key]
            if not hasattr(held, "keys") and held.shape is not None:
                return held, held.shape, held.dtype
        raise UserError(f"{self.path}: key '{key}' holds no array")

    @contextmanager
    def _access(self, key: str) -> Iterator[None]:
        try:
            yield
        except _DAMAGE as error:
            why = " ".join(str(error).split()).strip("'\"")
            raise UserError(f"{self.path}: key '{key}': the file is damaged ({why})") from None


@contextmanager
def open_hdf5(path: Path, feature: str) -> Iterator[Hdf5File]:
    """Open a file for reading.

    Args:
        path: The file.
        feature: What needs it, for errors.

    Raises:
        MissingExtra: h5py is not installed.
        UserError: The file is missing or damaged.
    """
    try:
        import h5py
    except ModuleNotFoundError:
        raise MissingExtra(feature, "datasets", "h5py") from None
    check_regular(path)
    try:
        file = h5py.File(path, "r")
    except _DAMAGE as error:
        raise UserError(f"{path}: is no HDF5 file, or damaged ({error})") from None
    with file:
        yield Hdf5File(path, file)
