"""Open Sound Control 1.0, as far as it is needed to read it: messages and bundles of one packet.

Strict: what is cut short is refused, not filled up with zeros.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

#: Bundles in bundles that are followed.
_DEEPEST = 4
#: Type tag -> how a number of fixed size is packed.
_NUMBERS = {"i": ">i", "f": ">f", "h": ">q", "d": ">d"}
#: Type tag -> value of types that take no bytes.
_CONSTANTS = {"T": True, "F": False, "N": None}


class Message(NamedTuple):
    """One message: its address and its values."""

    address: str
    values: tuple[object, ...]


def messages(packet: bytes, depth: int = 0) -> Iterator[Message]:
    """The messages of a packet, in order; time tags are not waited for.

    Args:
        packet: One datagram.
        depth: Bundles around it.

    Raises:
        ValueError: It is no OSC, or cut short.
    """
    if packet.startswith(b"/"):
        yield _message(packet)
        return
    if not packet.startswith(b"#bundle\0"):
        raise ValueError("no OSC: a packet begins with / or #bundle")
    if depth == _DEEPEST:
        raise ValueError("OSC bundles within bundles")
    at = 16  # the name and the time tag
    while at != len(packet):
        size = struct.unpack(">i", _taken(packet, at, 4))[0]
        yield from messages(_taken(packet, at + 4, size), depth + 1)
        at += 4 + size


def _message(data: bytes) -> Message:
    address, at = _text(data, 0)
    tags, at = _text(data, at)
    if not tags.startswith(","):
        raise ValueError(f"{address}: no OSC type tags")
    values: list[object] = []
    for tag in tags[1:]:
        if tag in _NUMBERS:
            size = struct.calcsize(_NUMBERS[tag])
            values += struct.unpack(_NUMBERS[tag], _taken(data, at, size))
            at += size
        elif tag == "s":
            text, at = _text(data, at)
            values.append(text)
        elif tag in _CONSTANTS:
            values.append(_CONSTANTS[tag])
        else:
            raise ValueError(f"{address}: values of OSC type {tag!r} are not read")
    if at != len(data):
        raise ValueError(f"{address}: {len(data) - at} bytes too many")
    return Message(address, tuple(values))


def _text(data: bytes, at: int) -> tuple[str, int]:
    """A string, and where what follows it begins: at the next multiple of four bytes."""
    end = data.find(b"\0", at)
    if end < 0:
        raise ValueError("an OSC string is cut short")
    after = end + 4 - (end - at) % 4
    _taken(data, at, after - at)
    try:
        return data[at:end].decode("utf-8"), after
    except UnicodeDecodeError:
        raise ValueError("an OSC string is not UTF-8") from None


def _taken(data: bytes, at: int, size: int) -> bytes:
    if size < 0 or at + size > len(data):
        raise ValueError("an OSC packet is cut short")
    return data[at : at + size]
