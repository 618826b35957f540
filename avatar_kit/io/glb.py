"""GLB: glTF 2.0 in one binary file, a JSON chunk and a chunk of numbers."""

from __future__ import annotations

import json
import struct
from typing import Any, Literal

import numpy as np

Kind = Literal["SCALAR", "VEC2", "VEC3", "VEC4", "MAT4"]

_COMPONENTS = {
    np.dtype(np.uint8): 5121, np.dtype(np.uint16): 5123, np.dtype(np.uint32): 5125,
    np.dtype(np.float32): 5126,
}  # fmt: skip

_MAGIC, _VERSION, _JSON, _BINARY = 0x46546C67, 2, 0x4E4F534A, 0x004E4942

#: What a view of a buffer is for: values of vertices, indices of corners.
VERTICES, CORNERS = 34962, 34963


class GlbBuffer:
    """The binary chunk of a file, and the views and accessors that give it a meaning.

    Attributes:
        views: ``bufferViews`` of the document.
        accessors: ``accessors`` of the document.
    """

    def __init__(self) -> None:
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []
        self._data = bytearray()

    def view(self, data: bytes, target: int | None = None) -> int:
        """Append bytes, at a multiple of four.

        Args:
            data: The bytes.
            target: :data:`VERTICES`, :data:`CORNERS`, or None for anything else.

        Returns:
            Number of the view.
        """
        self._data += bytes(-len(self._data) % 4)
        view = {"buffer": 0, "byteOffset": len(self._data), "byteLength": len(data)}
        self.views.append(view if target is None else {**view, "target": target})
        self._data += data
        return len(self.views) - 1

    def add(
        self, values: np.ndarray, kind: Kind, target: int | None = None, *, bounds: bool = False
    ) -> int:
        """Append numbers.

        Args:
            values: [N, ...] uint8, uint16, uint32 or float32; a matrix row by row.
            kind: What a row is.
            target: See :meth:`view`.
            bounds: Whether to state the least and the largest, as glTF asks of positions and times.

        Returns:
            Number of the accessor.
        """
        component = _COMPONENTS[values.dtype]
        if kind == "MAT4":
            values = values.swapaxes(1, 2)  # glTF stands them column by column
        accessor = {
            "bufferView": self.view(np.ascontiguousarray(values).tobytes(), target),
            "componentType": component,
            "count": len(values),
            "type": kind,
        }
        self.accessors.append({**accessor, **(_bounds(values) if bounds else {})})
        return len(self.accessors) - 1

    def add_sparse(self, rows: np.ndarray, values: np.ndarray, count: int) -> int:
        """Append vectors that are zero but for some rows.

        Args:
            rows: [K] rows that are not zero, rising.
            values: [K, 3] float32.
            count: Rows in all.

        Returns:
            Number of the accessor.
        """
        whole = np.concatenate([values, np.zeros((int(len(rows) < count), 3), np.float32)])
        accessor: dict[str, Any] = {
            "componentType": _COMPONENTS[values.dtype], "count": count, "type": "VEC3",
            **_bounds(whole),
        }  # fmt: skip
        if len(rows):
            index = rows.astype(np.uint16 if count <= 65536 else np.uint32)
            accessor["sparse"] = {
                "count": len(rows),
                "indices": {
                    "bufferView": self.view(index.tobytes()),
                    "componentType": _COMPONENTS[index.dtype],
                },
                "values": {"bufferView": self.view(np.ascontiguousarray(values).tobytes())},
            }
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def packed(self, document: dict[str, Any]) -> bytes:
        """The whole file.

        Args:
            document: The JSON, without buffers, views and accessors.
        """
        binary = bytes(self._data) + bytes(-len(self._data) % 4)
        whole = {
            **document,
            "accessors": self.accessors,
            "bufferViews": self.views,
            "buffers": [{"byteLength": len(binary)}],
        }
        text = json.dumps(whole, separators=(",", ":"), allow_nan=False).encode()
        text += b" " * (-len(text) % 4)
        chunks = struct.pack("<II", len(text), _JSON) + text
        chunks += struct.pack("<II", len(binary), _BINARY) + binary
        return struct.pack("<III", _MAGIC, _VERSION, 12 + len(chunks)) + chunks


def _bounds(values: np.ndarray) -> dict[str, list[float]]:
    rows = values.reshape(len(values), -1)
    return {"min": rows.min(0).tolist(), "max": rows.max(0).tolist()}
