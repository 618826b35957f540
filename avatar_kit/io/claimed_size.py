"""How long a video file says it is: one that is shorter was cut off when it was copied."""

from __future__ import annotations

from pathlib import Path

from avatar_kit.io.mp4_boxes import read_boxes

_RIFF, _EBML, _SEGMENT = b"RIFF", b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def claimed_size(path: Path) -> int:
    """Bytes that the headers of an MP4, Matroska or AVI file claim; 0 where they say nothing."""
    with open(path, "rb") as file:
        head = file.read(4096)
    if head.startswith(_RIFF):
        return 8 + int.from_bytes(head[4:8], "little")
    if head.startswith(_EBML):
        return _matroska(head)
    boxes = read_boxes(path)
    return boxes.size if boxes else 0


def _matroska(head: bytes) -> int:
    """The end of the segment, which is all there is after the header."""
    header, start = _length(head, 4)
    at = start + header
    if head[at : at + 4] != _SEGMENT:
        return 0
    length, start = _length(head, at + 4)
    return start + length if length else 0


def _length(data: bytes, at: int) -> tuple[int, int]:
    """A length of Matroska, 0 if it is not known, and where its content begins."""
    if at >= len(data) or not data[at]:
        return 0, at
    count = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + count], "big") & ((1 << 7 * count) - 1)
    return (0 if value == (1 << 7 * count) - 1 else value), at + count
