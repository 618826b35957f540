"""Parsing binary FBX, versions 7000 to 7999."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.io.fbx.node import DEEPEST, MOST_NODES, MOST_VALUES, FbxArray, FbxNode

MAGIC = b"Kaydara FBX Binary  \x00"

#: Where the version stands, and where the first node begins.
_VERSION_AT, _FIRST = 23, 27

#: From this version on, sizes of nodes have 64 bits.
_WIDE_FROM = 7500

_SCALARS = {
    "B": struct.Struct("<?"), "C": struct.Struct("<?"), "Z": struct.Struct("<b"),
    "Y": struct.Struct("<h"), "I": struct.Struct("<i"), "L": struct.Struct("<q"),
    "F": struct.Struct("<f"), "D": struct.Struct("<d"),
}  # fmt: skip
_ARRAYS: dict[str, np.dtype[Any]] = {
    "b": np.dtype("u1"), "c": np.dtype("u1"), "i": np.dtype("<i4"), "l": np.dtype("<i8"),
    "f": np.dtype("<f4"), "d": np.dtype("<f8"),
}  # fmt: skip
_LENGTH, _ARRAY = struct.Struct("<I"), struct.Struct("<III")
_NARROW_HEAD, _WIDE_HEAD = struct.Struct("<IIIB"), struct.Struct("<QQQB")


def binary_version(content: bytes, path: Path) -> int:
    """The version of a binary file, e.g. 7400.

    Raises:
        UserError: The file ends before it.
    """
    if len(content) < _FIRST:
        raise UserError(f"{path}: ends within its header; copy the file again")
    return _LENGTH.unpack_from(content, _VERSION_AT)[0]


def parse_binary(content: bytes, path: Path) -> FbxNode:
    """The nodes of a binary file, below a root without a name.

    Raises:
        UserError: A size that does not fit the file, an unknown type of value, nodes nested too
            deep, or too many of them.
    """
    return _Parser(content, path).root()


class _Parser:
    def __init__(self, content: bytes, path: Path):
        self._content, self._path = memoryview(content), path
        self._head = _WIDE_HEAD if binary_version(content, path) >= _WIDE_FROM else _NARROW_HEAD
        self._nodes = self._values = 0

    def root(self) -> FbxNode:
        return FbxNode("", [], self._level(_FIRST, len(self._content), 0, "the file"))

    def _level(self, at: int, end: int, depth: int, above: str) -> list[FbxNode]:
        """The nodes from ``at`` to the empty one, which lies before ``end``."""
        if depth > DEEPEST:
            raise self._wrong(f"nodes below {above} are nested more than {DEEPEST} levels deep")
        found: list[FbxNode] = []
        while at < end:
            if at + self._head.size > end:
                raise self._wrong(f"{above} ends within the head of a node")
            stop, count, length, name_length = self._head.unpack_from(self._content, at)
            if not stop:
                return found
            first = at + self._head.size + name_length
            name = str(self._content[first - name_length : first], "utf-8", "replace")
            if not first + length <= stop <= end:
                raise self._wrong(f"the sizes of node {name!r:.40} do not fit {above}")
            self._nodes += 1
            if self._nodes > MOST_NODES:
                raise self._wrong(f"more than {MOST_NODES} nodes")
            values = self._read_values(first, first + length, count, name)
            below = self._level(first + length, stop, depth + 1, f"node {name!r:.40}")
            found.append(FbxNode(name, values, below))
            at = stop
        if depth == 0:
            raise self._wrong("ends without its last, empty node")
        return found

    def _read_values(self, at: int, end: int, count: int, name: str) -> list[Any]:
        self._values += count
        if self._values > MOST_VALUES or count > end - at:
            raise self._wrong(f"node {name!r:.40} claims {count} values")
        found = []
        for _ in range(count):
            kind = chr(self._bytes(at, 1, end, name)[0])
            value, at = self._value(kind, at + 1, end, name)
            found.append(value)
        return found

    def _value(self, kind: str, at: int, end: int, name: str) -> tuple[Any, int]:
        """A value, and where the next one begins."""
        if kind in _SCALARS:
            form = _SCALARS[kind]
            return form.unpack(self._bytes(at, form.size, end, name))[0], at + form.size
        if kind in _ARRAYS:
            head = self._bytes(at, _ARRAY.size, end, name)
            count, packed, size = _ARRAY.unpack(head)
            if packed not in (0, 1):
                raise self._wrong(f"node {name!r:.40}: unknown packing {packed} of an array")
            size = size if packed else count * _ARRAYS[kind].itemsize
            content = self._bytes(at + _ARRAY.size, size, end, name)
            array = FbxArray(count, content, _ARRAYS[kind], bool(packed))
            return array, at + _ARRAY.size + size
        if kind in ("S", "R"):
            size = _LENGTH.unpack(self._bytes(at, _LENGTH.size, end, name))[0]
            content = self._bytes(at + _LENGTH.size, size, end, name)
            value = str(content, "utf-8", "replace") if kind == "S" else content
            return value, at + _LENGTH.size + size
        raise self._wrong(f"node {name!r:.40}: unknown type of value {kind!r}")

    def _bytes(self, at: int, size: int, end: int, name: str) -> memoryview:
        if at + size > end:
            raise self._wrong(f"the values of node {name!r:.40} end too early")
        return self._content[at : at + size]

    def _wrong(self, what: str) -> UserError:
        return UserError(
            f"{self._path}: {what}; the FBX file is cut short or damaged: copy it again"
        )
