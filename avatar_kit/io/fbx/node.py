"""What an FBX file consists of: nodes with values, arrays and nodes below them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from avatar_kit.errors import UserError

#: Levels of nodes, nodes and single values of a file; programs write some ten levels.
DEEPEST, MOST_NODES, MOST_VALUES = 32, 1_000_000, 4_000_000

_FLOAT64 = np.dtype(np.float64)

#: zlib packs at most 1032 bytes into one.
_TIGHTEST = 1032


@dataclass(frozen=True, slots=True)
class FbxArray:
    """Numbers of a file, which are unpacked when they are needed.

    Attributes:
        count: How many numbers the file claims.
        content: Bytes of a binary file, or text with commas.
        dtype: Type of the numbers in a binary file.
        packed: Whether the bytes are compressed with zlib.
    """

    count: int
    content: memoryview | str
    dtype: np.dtype[Any] = _FLOAT64
    packed: bool = False

    def numbers(self, what: str) -> np.ndarray:
        """[count] float64.

        Args:
            what: File and node, for messages.

        Raises:
            UserError: The content is damaged, or holds fewer or more numbers than claimed.
        """
        if isinstance(self.content, str):
            return self._checked(self._of_text(self.content, what), what)
        content = self._unpacked(self.content, self.dtype, what) if self.packed else self.content
        if len(content) % self.dtype.itemsize:
            raise UserError(f"{what}: its numbers are cut short; copy the file again")
        return self._checked(np.frombuffer(content, self.dtype).astype(np.float64), what)

    def _checked(self, found: np.ndarray, what: str) -> np.ndarray:
        if len(found) != self.count:
            raise UserError(
                f"{what}: holds {len(found)} numbers, expected {self.count}; copy the file again"
            )
        return found

    @staticmethod
    def _of_text(text: str, what: str) -> np.ndarray:
        try:
            return np.array(text.split(",") if text.strip() else [], float)
        except ValueError:
            raise UserError(f"{what}: holds text where numbers are expected") from None

    def _unpacked(self, content: memoryview, dtype: np.dtype[Any], what: str) -> bytes:
        size = self.count * dtype.itemsize
        if size > _TIGHTEST * len(content) + _TIGHTEST:
            raise UserError(
                f"{what}: claims {self.count} numbers in {len(content)} bytes; is the file damaged?"
            )
        try:
            return zlib.decompressobj().decompress(content, size + 1)
        except zlib.error as error:
            raise UserError(f"{what}: damaged ({error}); copy the file again") from None


@dataclass(frozen=True, slots=True)
class FbxNode:
    """A node of a file: ``Name: values { children }``.

    Attributes:
        name: Its name, e.g. "Model".
        values: int, float, bool, str, memoryview or :class:`FbxArray`.
        children: The nodes below it.
    """

    name: str
    values: list[Any] = field(default_factory=list)
    children: list[FbxNode] = field(default_factory=list)

    def child(self, name: str) -> FbxNode | None:
        """The first node below it of a name."""
        return next((node for node in self.children if node.name == name), None)

    def value(self, name: str) -> Any:
        """The first value of a node below it; None if there is none."""
        found = self.child(name)
        return found.values[0] if found and found.values else None


@dataclass(frozen=True)
class FbxDocument:
    """A parsed file.

    Attributes:
        version: For example 7400.
        root: Its values are empty; its children are the nodes of the file.
        text: Whether the file is ASCII.
    """

    version: int
    root: FbxNode
    text: bool
