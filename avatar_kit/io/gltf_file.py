"""Reading glTF 2.0: nodes and numbers of a .glb or .gltf file. The inverse of ``glb``."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

import numpy as np

from avatar_kit.errors import UserError, shown
from avatar_kit.io.documents import parse_json, read_bytes

_T = TypeVar("_T")

_MAGIC, _JSON, _BINARY = 0x46546C67, 0x4E4F534A, 0x004E4942
_NUMBERS: dict[Any, np.dtype[Any]] = {
    5120: np.dtype("<i1"), 5121: np.dtype("<u1"), 5122: np.dtype("<i2"), 5123: np.dtype("<u2"),
    5125: np.dtype("<u4"), 5126: np.dtype("<f4"),
}  # fmt: skip
_WIDTHS: dict[Any, int] = {
    "SCALAR": 1,
    "VEC2": 2,
    "VEC3": 3,
    "VEC4": 4,
    "MAT2": 4,
    "MAT3": 9,
    "MAT4": 16,
}

#: Bytes of a file, of its JSON, and of the numbers of one accessor.
_LARGEST, _LARGEST_JSON, _LARGEST_VALUES = 2 << 30, 256 << 20, 1 << 30


class GltfFile:
    """The document of a file and the numbers that it points at.

    Attributes:
        path: The file.
        document: The JSON.
    """

    def __init__(self, path: Path):
        self.path = path
        content = read_bytes(path, what="glTF file", limit=_LARGEST)
        self._binary = b""
        text = self._chunks(content) if content[:4] == b"glTF" else content
        self.document = self._parsed(text)
        self._buffers: dict[int, bytes] = {}

    def items(self, name: str) -> list[dict[str, Any]]:
        """A list of the document, e.g. its nodes; empty where there is none.

        Raises:
            UserError: It is no list of objects.
        """
        found = self.document.get(name, [])
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise UserError(f"{self.path}: '{name}' is no list of objects; is it a glTF file?")
        return found

    def item(self, name: str, index: Any) -> dict[str, Any]:
        """One of a list of the document.

        Raises:
            UserError: There is none of that number.
        """
        found = self.items(name)
        if not _is_whole(index) or index >= len(found):
            raise UserError(f"{self.path}: there is no number {index!r:.20} of {len(found)} {name}")
        return found[index]

    def values(self, accessor: Any) -> np.ndarray:
        """[N, C] float64 numbers of an accessor; whole numbers that stand for parts are parts.

        Raises:
            UserError: It points beyond its buffer, or is of a kind that there is not.
        """
        found = self.item("accessors", accessor)
        what = f"{self.path}: accessor {accessor}"
        dtype, width = _known(_NUMBERS, found, "componentType"), _known(_WIDTHS, found, "type")
        count = found.get("count")
        if dtype is None or width is None or not _is_whole(count):
            raise UserError(f"{what}: unknown componentType, type or count")
        if count * width * 8 > _LARGEST_VALUES:
            raise UserError(f"{what}: {count} values are more than a motion has")
        if "bufferView" in found:
            start = found.get("byteOffset", 0)
            values = self._view(found["bufferView"], dtype, (count, width), start, what)
        else:
            values = np.zeros((count, width), dtype)
        if "sparse" in found:
            values = self._sparse(found["sparse"], values, dtype, what)
        numbers = values.astype(np.float64)
        if found.get("normalized") and dtype.kind in "iu":
            numbers = np.maximum(numbers / np.iinfo(dtype).max, -1.0)
        return numbers

    def _sparse(self, said: Any, values: np.ndarray, dtype: np.dtype, what: str) -> np.ndarray:
        said = said if isinstance(said, dict) else {}
        rows, changed = said.get("indices"), said.get("values")
        if not isinstance(rows, dict) or not isinstance(changed, dict):
            raise UserError(f"{what}: its sparse values are not whole")
        kind = _known(_NUMBERS, rows, "componentType")
        if kind is None or kind.kind != "u":
            raise UserError(f"{what}: its sparse indices are no whole numbers")
        count, width = _whole(said.get("count"), what), values.shape[1]
        index, new = (
            self._view(
                part.get("bufferView"), of, (count, columns), part.get("byteOffset", 0), what
            )
            for part, of, columns in ((rows, kind, 1), (changed, dtype, width))
        )
        if len(index) and int(index.max()) >= len(values):
            raise UserError(f"{what}: its sparse values lie beyond its count")
        values = values.copy()
        values[index[:, 0].astype(int)] = new
        return values

    def _view(
        self, number: Any, dtype: np.dtype, shape: tuple[int, int], start: Any, what: str
    ) -> np.ndarray:
        view = self.item("bufferViews", number)
        data = self._buffer(view.get("buffer"))
        first = _whole(view.get("byteOffset", 0), what) + _whole(start, what)
        length = _whole(view.get("byteLength", 0), what)
        row = dtype.itemsize * shape[1]
        step = _whole(view.get("byteStride", row), what) or row
        end = first + (shape[0] - 1) * step + row if shape[0] else first
        if step < row or end > min(len(data), first - start + length):
            raise UserError(f"{what}: points beyond its buffer; is the file whole?")
        if not shape[0]:
            return np.zeros(shape, dtype)
        raw = np.frombuffer(data, np.uint8, end - first, first)
        rows = np.lib.stride_tricks.as_strided(raw, (shape[0], row), (step, 1))
        return np.ascontiguousarray(rows).view(dtype).reshape(shape)

    def _buffer(self, number: Any) -> bytes:
        buffer = self.item("buffers", number)
        if number not in self._buffers:
            self._buffers[number] = self._content(buffer.get("uri"), number)
        return self._buffers[number]

    def _content(self, uri: Any, number: int) -> bytes:
        if uri is None and number == 0:
            return self._binary
        if not isinstance(uri, str):
            raise UserError(f"{self.path}: buffer {number} is nowhere")
        if uri.startswith("data:"):
            try:
                return base64.b64decode(uri.partition(",")[2], validate=True)
            except (ValueError, binascii.Error):
                raise UserError(f"{self.path}: buffer {number} is no base64") from None
        if "/" in uri or "\\" in uri:
            raise UserError(
                f"{self.path}: buffer {number} is the file {shown(uri)}, which does not lie "
                "beside it"
            )
        fix = f"buffer {number} of {self.path} is in it"
        what = "buffer of a glTF file"
        return read_bytes(self.path.parent / uri, what=what, limit=_LARGEST, fix=fix)

    def _chunks(self, content: bytes) -> bytes:
        """The JSON of a .glb; keeps its binary chunk."""
        try:
            magic, version, length = struct.unpack_from("<III", content)
            size, kind = struct.unpack_from("<II", content, 12)
        except struct.error:
            raise UserError(f"{self.path}: cut short, no whole .glb") from None
        if magic != _MAGIC or version != 2 or kind != _JSON:
            raise UserError(f"{self.path}: glTF version {version}, expected 2")
        if length > len(content) or 20 + size > length:
            raise UserError(
                f"{self.path}: says it has {length} bytes and has {len(content)}: cut short"
            )
        at = 20 + size
        if at + 8 <= length:
            size, kind = struct.unpack_from("<II", content, at)
            if kind == _BINARY:
                if at + 8 + size > length:
                    raise UserError(f"{self.path}: its numbers are cut short")
                self._binary = content[at + 8 : at + 8 + size]
        return content[20 : 20 + struct.unpack_from("<I", content, 12)[0]]

    def _parsed(self, text: bytes) -> dict[str, Any]:
        if len(text) > _LARGEST_JSON:
            raise UserError(f"{self.path}: its JSON is larger than 256 MiB")
        try:
            found = parse_json(text.decode("utf-8-sig"), str(self.path))
        except UnicodeDecodeError as error:
            raise UserError(f"{self.path}: no glTF file ({error})") from None
        if not isinstance(found, dict):
            raise UserError(f"{self.path}: no glTF file")
        return found


def _known(meanings: Mapping[Any, _T], item: dict[str, Any], key: str) -> _T | None:
    """What the word or number under a key means; None if it means nothing."""
    value = item.get(key)
    return meanings.get(value) if isinstance(value, int | str) else None


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _whole(value: Any, what: str) -> int:
    if not _is_whole(value):
        raise UserError(f"{what}: {value!r:.20} where a number of bytes is expected")
    return value
