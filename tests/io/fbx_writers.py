"""A writer of FBX 7, binary and ASCII, by the words of the format.

A node is ``(name, values, children)``. Arrays are numpy arrays; ``named("Hips", "Model")`` is the
name of an object.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

import numpy as np

SECOND = 46_186_158_000

#: As most programs write keys: linear.
LINEAR = 24836

#: Type of a property -> what is written beside it.
_LABELS = {"double": "Number", "int": "Integer", "KTime": "Time", "Vector3D": "Vector"}

_ARRAYS = {"f4": b"f", "f8": b"d", "i4": b"i", "i8": b"l", "u1": b"b"}


class Packed(NamedTuple):
    """An array with packed content, whatever it claims."""

    code: bytes
    count: int
    content: bytes


class named(NamedTuple):
    """Name and class of an object."""

    name: str
    kind: str


def binary(nodes, version=7400, *, packed=True):
    """The bytes of a binary file."""
    wide = version >= 7500
    head, tail = ("<QQQB", 25) if wide else ("<IIIB", 13)

    def node(name, values, below, at):
        content = b"".join(_value(value, packed) for value in values)
        start = at + struct.calcsize(head) + len(name)
        end = start + len(content)
        inner = b""
        for child in below:
            inner += node(*child, end + len(inner))
        inner += bytes(tail) if below else b""
        sizes = (end + len(inner), len(values), len(content), len(name))
        return struct.pack(head, *sizes) + name.encode() + content + inner

    out = b"Kaydara FBX Binary  \x00\x1a\x00" + struct.pack("<I", version)
    for each in nodes:
        out += node(*each, len(out))
    return out + bytes(tail) + bytes(16) + struct.pack("<I", version) + bytes(120)


def _value(value, packed):
    if isinstance(value, Packed):
        code, count, content = value
        return code + struct.pack("<III", count, 1, len(content)) + content
    if isinstance(value, np.ndarray):
        content = value.tobytes()
        stored = zlib.compress(content) if packed else content
        code = _ARRAYS[value.dtype.str[1:]]
        return code + struct.pack("<III", value.size, packed, len(stored)) + stored
    if isinstance(value, named):
        value = "\x00\x01".join(value)
    if isinstance(value, str | bytes):
        content = value.encode() if isinstance(value, str) else value
        return (
            (b"S" if isinstance(value, str) else b"R") + struct.pack("<I", len(content)) + content
        )
    if isinstance(value, bool):
        return b"C" + struct.pack("<?", value)
    if isinstance(value, np.generic):
        return {"i2": b"Y", "i4": b"I", "f4": b"F"}[value.dtype.str[1:]] + value.tobytes()
    form = ("L", "<q") if isinstance(value, int) else ("D", "<d")
    return form[0].encode() + struct.pack(form[1], value)


def ascii_file(nodes, version=7300):
    """The bytes of an ASCII file."""
    lines = [f"; FBX {version / 1000:.1f}.0 project file", "; by a test", ""]

    def text(value):
        if isinstance(value, named):
            value = "::".join(reversed(value))
        if isinstance(value, str):
            return '"' + value.replace('"', "&quot;") + '"'
        return repr(value.item() if isinstance(value, np.generic) else value)

    def node(name, values, below, depth):
        tab = "\t" * depth
        if len(values) == 1 and isinstance(values[0], np.ndarray):
            numbers = ",".join(map(repr, values[0].tolist()))
            lines.append(f"{tab}{name}: *{values[0].size} {{\n{tab}\ta: {numbers}\n{tab}}} ")
            return
        said = f"{tab}{name}: " + ", ".join(map(text, values))
        lines.append(said + " {" if below else said)
        for child in below:
            node(*child, depth + 1)
        if below:
            lines.append(tab + "}")

    for each in nodes:
        node(*each, 0)
    return ("\n".join(lines) + "\n").encode()


def p(name, *values, kind="double"):
    """A property; whole numbers have 32 bits, but for times."""
    found = [np.int32(v) if kind in ("int", "enum", "bool") else v for v in values]
    flags = "A" if name.startswith(("Lcl ", "d|")) else ""
    if name.startswith("Lcl "):
        kind = name
    elif len(values) == 3:
        kind = "Vector3D"
    return ("P", [name, kind, _LABELS.get(kind, ""), flags, *found], [])


def properties(*found):
    return ("Properties70", [], list(found))


def model(number, name, kind, *found):
    return ("Model", [number, named(name, "Model"), kind], [properties(*found)])


def curve(number, times, values, flags=LINEAR, data=(0.0, 0.0, 0.0, 0.0)):
    """Keys in seconds that share flags and data, or have each their own."""
    flags = np.atleast_1d(np.asarray(flags, "<i4"))
    data = np.asarray(data, "<f4").reshape(len(flags), 4)
    counts = np.ones(len(flags), "<i4") if len(flags) == len(times) else np.array([len(times)])
    return ("AnimationCurve", [number, named("", "AnimCurve"), ""], [
        ("Default", [0.0], []),
        ("KeyVer", [np.int32(4009)], []),
        ("KeyTime", [np.round(np.asarray(times) * SECOND).astype("<i8")], []),
        ("KeyValueFloat", [np.asarray(values, "<f4")], []),
        ("KeyAttrFlags", [flags], []),
        ("KeyAttrDataFloat", [data.ravel()], []),
        ("KeyAttrRefCount", [counts.astype("<i4")], []),
    ])  # fmt: skip


def settings(*, up=(1, 1), front=(2, 1), coord=(0, 1), unit=1.0, mode=6):
    axes = {"Up": up, "Front": front, "Coord": coord}
    said = [p(f"{k}Axis{part}", v[i], kind="int") for k, v in axes.items()
            for i, part in enumerate(("", "Sign"))]  # fmt: skip
    return ("GlobalSettings", [], [properties(
        *said, p("UnitScaleFactor", unit), p("TimeMode", mode, kind="enum"))])  # fmt: skip


def document(objects, links, given=None, *, version=7400, templates=()):
    """The nodes of a file: ``links`` are (source, target) or (source, target, property)."""
    connections = [("C", ["OP" if len(link) > 2 else "OO", *link], []) for link in links]
    return [
        ("FBXHeaderExtension", [], [("FBXVersion", [np.int32(version)], [])]),
        given or settings(),
        ("Definitions", [], [("Version", [np.int32(100)], []), *templates]),
        ("Objects", [], list(objects)),
        ("Connections", [], connections),
    ]  # fmt: skip


class Animation:
    """Objects and links of a file that is put together."""

    def __init__(self):
        self.objects, self.links, self._next = [], [], 900_000

    def number(self):
        self._next += 1
        return self._next

    def stack(self, name, seconds=0.0):
        """A stack with its layer; the number of the layer."""
        stack, layer = self.number(), self.number()
        stop = p("LocalStop", round(seconds * SECOND), kind="KTime")
        self.objects.append(("AnimationStack", [stack, named(name, "AnimStack"), ""],
                             [properties(stop)]))  # fmt: skip
        self.objects.append(("AnimationLayer", [layer, named("Base", "AnimLayer"), ""], []))
        self.links.append((layer, stack))
        return layer

    def animate(self, layer, target, name, times, columns, channels="XYZ"):
        """Curves of a property of an object."""
        node = self.number()
        start = [p(f"d|{c}", float(v[0])) for c, v in zip(channels, columns, strict=True)]
        self.objects.append(("AnimationCurveNode", [node, named(name[4:], "AnimCurveNode"), ""],
                             [properties(*start)]))  # fmt: skip
        self.links += [(node, layer), (node, target, name)]
        for channel, values in zip(channels, columns, strict=True):
            self.objects.append(curve(self.number(), times, values))
            self.links.append((self._next, node, f"d|{channel}"))
