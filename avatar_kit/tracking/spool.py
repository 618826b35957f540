"""Arrays of a whole video that lie in a file while it is tracked."""

from __future__ import annotations

import tempfile

import numpy as np

from avatar_kit.io.cache import cache_dir


class Spool:
    """Arrays of one shape, appended one by one; a context manager, and the file goes with it.

    A list of them and the stack that is made of it would need the memory twice.
    """

    def __enter__(self) -> Spool:
        self._file = tempfile.TemporaryFile(dir=cache_dir("prepare"))
        self._shape: tuple[int, ...] = ()
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def append(self, array: np.ndarray) -> None:
        """Take [...] uint8."""
        self._shape = array.shape
        self._file.write(np.ascontiguousarray(array).tobytes())

    def stacked(self) -> np.ndarray:
        """[T, ...] uint8, all of them; empty where there are none."""
        self._file.seek(0)
        return np.fromfile(self._file, np.uint8).reshape(-1, *(self._shape or (1,)))
