"""The boxes of an MP4 or QuickTime file, as far as they tell what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

#: Types that a file of this family begins with.
_FIRST = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}
#: Boxes that hold the table of a track's frames, from the outside in.
_WAY_TO_TABLES = (b"moov", b"trak", b"mdia")


@dataclass(frozen=True)
class Mp4:
    """What the boxes of a file say.

    Attributes:
        indexed: Whether there is a whole index ('moov'), without which nothing can be played.
        size: Bytes that the boxes claim.
        frames: The largest number of frames that a video track claims.
        still: Whether it is a picture (HEIC, AVIF) in spite of its container.
    """

    indexed: bool
    size: int
    frames: int
    still: bool


def read_boxes(path: Path) -> Mp4 | None:
    """What the boxes of a file say; None where it is not of this family."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        boxes = list(_boxes(file, 0, size))
        if not boxes or boxes[0].kind not in _FIRST:
            return None
        file.seek(boxes[0].start)
        brand = file.read(4) if boxes[0].kind == b"ftyp" else b""
        return Mp4(
            indexed=any(box.kind == b"moov" and box.end <= size for box in boxes),
            size=max(box.end for box in boxes),
            frames=max(_claims(file, _Box(b"", 0, size), _WAY_TO_TABLES), default=0),
            still=brand in (b"heic", b"heix", b"mif1", b"avif"),
        )


@dataclass(frozen=True)
class _Box:
    kind: bytes
    start: int  # of its content
    end: int  # as it claims


def _boxes(file: BinaryIO, start: int, stop: int) -> Iterator[_Box]:
    """The boxes that begin between two places; a length that is none ends them."""
    while start + 8 <= stop:
        file.seek(start)
        head = file.read(16)
        length, kind, content = int.from_bytes(head[:4], "big"), head[4:8], start + 8
        if length == 1:
            length, content = int.from_bytes(head[8:16], "big"), start + 16
        end = stop if length == 0 else start + length
        if end < content:
            return
        yield _Box(kind, content, end)
        start = end


def _claims(file: BinaryIO, box: _Box, way: tuple[bytes, ...]) -> Iterator[int]:
    """How many frames each video track below a box claims."""
    inside = list(_boxes(file, box.start, box.end))
    if way:
        for part in inside:
            if part.kind == way[0]:
                yield from _claims(file, part, way[1:])
        return
    handler = next((part for part in inside if part.kind == b"hdlr"), None)
    if handler is None or _bytes(file, handler.start + 8, 4) != b"vide":
        return
    for kind in (b"minf", b"stbl", b"stsz"):
        found = next((part for part in inside if part.kind == kind), None)
        if found is None:
            return
        inside = list(_boxes(file, found.start, found.end)) if kind != b"stsz" else [found]
    yield int.from_bytes(_bytes(file, inside[0].start + 8, 4), "big")


def _bytes(file: BinaryIO, start: int, count: int) -> bytes:
    file.seek(start)
    return file.read(count)
