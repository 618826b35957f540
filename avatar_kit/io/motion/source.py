"""A motion file opened by what it is, not by what it is called."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.io.documents import opened, read_bytes
from avatar_kit.io.fbx import is_fbx
from avatar_kit.io.motion.arrays import read_npy, read_npz
from avatar_kit.io.motion.torch_file import read_torch
from avatar_kit.io.plain_pickle import is_pickle, read_pickle
from avatar_kit.io.vmc.oscdump import is_oscdump
from avatar_kit.io.vmc.packet_capture import is_packet_capture

Kind = Literal["bvh", "gltf", "fbx", "table", "data", "folder", "packets", "unknown"]

#: Bytes of a text file that are read.
_LARGEST_TEXT = 1 << 30
#: What begins like none of the known files is told by its name.
_BY_SUFFIX: dict[str, Kind] = {
    ".bvh": "bvh", ".glb": "gltf", ".gltf": "gltf", ".fbx": "fbx", ".csv": "table",
    ".npz": "data", ".npy": "data", ".json": "data",
}  # fmt: skip
_NUMBER = re.compile(r"\d+")


class Source:
    """One motion file, or a folder with a file for each frame.

    Attributes:
        path: Where it is.
        kind: What it is, by its first bytes: a BVH, glTF or FBX file, a table of text (CSV), a
            folder, packets of a network, or data under keys.
    """

    def __init__(self, path: Path):
        self.path = path
        self._head = b"" if path.is_dir() else _head(path)
        self.kind: Kind = self._kind()

    def _kind(self) -> Kind:
        head, text = self._head, _decoded(self._head)
        if self.path.is_dir():
            return "folder"
        if is_fbx(head):
            return "fbx"
        if head.startswith((b"PK\x03\x04", b"\x93NUMPY")) or is_pickle(head):
            return "data"
        if head.startswith(b"glTF"):
            return "gltf"
        if is_packet_capture(head) or is_oscdump(text):
            return "packets"
        if "HIERARCHY" in text:
            return "bvh"
        if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
            return "gltf" if self.path.suffix.lower() == ".gltf" else "data"
        first = text.partition("\n")[0].lower().replace("_", "")
        if "," in first and ("eyeblink" in first or "timecode" in first):
            return "table"
        return _BY_SUFFIX.get(self.path.suffix.lower(), "unknown")

    @cached_property
    def data(self) -> Any:
        """What a data file holds: arrays by name, an array, or lists and mappings.

        Raises:
            UserError: It is damaged, too large, or would run code.
        """
        if self.kind != "data":
            return None
        head, suffix = self._head, self.path.suffix.lower()
        if head.startswith(b"\x93NUMPY") or (suffix == ".npy" and not is_pickle(head)):
            return read_npy(self.path)
        if is_pickle(head):
            return read_pickle(self.path)
        if head.startswith(b"PK\x03\x04") and _is_torch(self.path):
            return read_torch(self.path)
        if head.startswith(b"PK\x03\x04") or suffix == ".npz":
            return read_npz(self.path)
        return read_json(self.path)

    @property
    def keys(self) -> set[Any]:
        """Names of the values of a data file; none where it has no names."""
        return set(self.data) if isinstance(self.data, Mapping) else set()

    @property
    def array(self) -> np.ndarray | None:
        """The array of a data file that holds one alone."""
        return self.data if isinstance(self.data, np.ndarray) else None

    @cached_property
    def frames(self) -> list[Path]:
        """The files of a folder with numbers in their names, in their order."""
        if self.kind != "folder":
            return []
        named = [p for p in self.path.iterdir() if p.is_file() and _NUMBER.search(p.stem)]
        suffixes = {p.suffix.lower() for p in named} & {".json", ".npz"}
        usable = [p for p in named if p.suffix.lower() in suffixes]
        return sorted(usable, key=lambda p: ([int(n) for n in _NUMBER.findall(p.stem)], p.name))

    def bytes(self) -> bytes:
        """The whole file.

        Raises:
            UserError: It is too large.
        """
        return read_bytes(self.path, what="motion file", limit=_LARGEST_TEXT)

    def text(self) -> str:
        """The whole file as text, in UTF-8 or UTF-16.

        Raises:
            UserError: It is too large.
        """
        return _decoded(self.bytes())


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        UserError: It is too large, or no JSON.
    """
    content = read_bytes(path, what="motion file", limit=_LARGEST_TEXT)
    try:
        return json.loads(_decoded(content))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: no JSON ({error}); is it whole?") from None


def _head(path: Path) -> bytes:
    with opened(path, what="motion file") as file:
        return file.read(4096)


def _decoded(content: bytes) -> str:
    wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    return content.decode("utf-16" if wide else "utf-8-sig", errors="replace")


def _is_torch(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/data.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError):
        return False
