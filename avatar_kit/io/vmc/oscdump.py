"""Messages of OSC as the program ``oscdump`` prints them: time, address, types, values in a line.

``oscsendfile`` sends such files again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from avatar_kit.io.vmc.osc import Message

#: Seconds and parts of a second in hexadecimal digits, the address, the types; then the values.
_LINE = re.compile(r"([0-9a-f]{8})\.([0-9a-f]{8}) (/\S*)(?: ([ifhdsTFN]*))?(?: (.*))?$")
_VALUE = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|(\S+))')

_WHOLE, _REAL = "ih", "fd"
_CONSTANTS = {"T": True, "F": False, "N": None}


def is_oscdump(text: str) -> bool:
    """Whether a text begins as ``oscdump`` prints."""
    return _LINE.match(text.partition("\n")[0].rstrip("\r")) is not None


def printed_messages(text: str) -> Iterator[tuple[float, Message]]:
    """Seconds of any clock, and the message, of each line.

    Raises:
        ValueError: A line is none of such a file; says which.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        match = _LINE.match(line)
        if match is None:
            raise ValueError(f"line {number}: expected time, address, types, values")
        seconds = int(match[1], 16) + int(match[2], 16) / 2**32
        try:
            yield seconds, Message(match[3], _values(match[4] or "", match[5] or ""))
        except (ValueError, OverflowError):
            raise ValueError(f"line {number}: values do not fit the types {match[4]}") from None


def _values(types: str, text: str) -> tuple[object, ...]:
    found: list[object] = []
    at = 0
    for kind in types:
        if kind in _CONSTANTS:
            found.append(_CONSTANTS[kind])
            continue
        match = _VALUE.match(text, at)
        if match is None or (match[1] is None) == (kind == "s"):
            raise ValueError(kind)
        at = match.end()
        if kind == "s":
            found.append(re.sub(r"\\(.)", r"\1", match[1]))
        else:
            found.append(int(match[2]) if kind in _WHOLE else float(match[2]))
    return tuple(found)
