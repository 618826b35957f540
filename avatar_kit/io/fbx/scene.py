"""The scene of an FBX file: its objects, their properties and how they are connected."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avatar_kit.errors import UserError, shown
from avatar_kit.io.fbx.node import FbxArray, FbxDocument, FbxNode

#: Numbers of arrays that are unpacked of one file.
_MOST_NUMBERS = 60_000_000

#: No number of a motion is larger; products of such numbers stay finite.
_LARGEST = 1e12


@dataclass(frozen=True)
class FbxObject:
    """An object of the scene.

    Attributes:
        number: Its id in the file.
        kind: For example "Model", "AnimationCurve".
        name: Its name without its class, e.g. "mixamorig:Hips".
        type: For example "LimbNode" of a Model.
        node: Its node in the file.
        properties: Name -> values, those of its template included.
    """

    number: int
    kind: str
    name: str
    type: str
    node: FbxNode
    properties: Mapping[str, list[Any]]


class FbxScene:
    """Objects and connections of a file.

    Attributes:
        path: The file.
        settings: The object of GlobalSettings.
        objects: Id -> object, in the order of the file.
    """

    def __init__(self, document: FbxDocument, path: Path):
        self.path = path
        self._numbers_left = _MOST_NUMBERS
        root = document.root
        templates = _templates(root)
        given = root.child("GlobalSettings") or FbxNode("GlobalSettings")
        self.settings = FbxObject(0, given.name, "", "", given, _properties(given))
        self.objects: dict[int, FbxObject] = {}
        for node in _below(root, "Objects"):
            number, name, kind = (*node.values, None, None, None)[:3]
            if isinstance(number, int) and isinstance(name, str):
                own = {**templates.get(node.name, {}), **_properties(node)}
                plain = _plain_name(name, node.name, document.text)
                found = FbxObject(number, node.name, plain, str(kind), node, own)
                self.objects.setdefault(number, found)
        # dicts keep the order and hold each connection once
        self._sources: dict[int, dict[tuple[int, str], None]] = defaultdict(dict)
        self._targets: dict[int, dict[tuple[int, str], None]] = defaultdict(dict)
        for node in _below(root, "Connections"):
            how, source, target, name = (*node.values, None, None, None, None)[:4]
            if how in ("OO", "OP") and isinstance(source, int) and isinstance(target, int):
                self._sources[target][source, str(name or "")] = None
                self._targets[source][target, str(name or "")] = None

    def of_kind(self, kind: str) -> list[FbxObject]:
        """All objects of a kind, in the order of the file."""
        return [found for found in self.objects.values() if found.kind == kind]

    def sources(self, target: FbxObject, kind: str) -> Iterator[tuple[FbxObject, str]]:
        """The objects of a kind that are connected to an object, and to which property of it."""
        return self._connected(self._sources.get(target.number, {}), kind)

    def targets(self, source: FbxObject, kind: str) -> Iterator[tuple[FbxObject, str]]:
        """The objects of a kind to which an object is connected, and to which property of each."""
        return self._connected(self._targets.get(source.number, {}), kind)

    def _connected(
        self, ends: Iterable[tuple[int, str]], kind: str
    ) -> Iterator[tuple[FbxObject, str]]:
        for number, name in ends:
            found = self.objects.get(number)
            if found is not None and found.kind == kind:
                yield found, name

    def vector(self, of: FbxObject, name: str, default: tuple[float, ...]) -> np.ndarray:
        """Numbers of a property, as many as the default has.

        Raises:
            UserError: It has fewer, or one is not finite or too large.
        """
        values = of.properties.get(name)
        if values is None:
            return np.array(default)
        found = values[: len(default)]
        if len(found) < len(default) or not all(map(_is_number, found)):
            raise UserError(
                f"{self.path}: {of.kind} '{of.name}': '{name}' is {shown(found)}, expected "
                f"{len(default)} finite number(s); export the file again"
            )
        return np.array(found, float)

    def whole(self, of: FbxObject, name: str, default: int) -> int:
        """A property that is one whole number; see :meth:`vector` for errors."""
        values = of.properties.get(name)
        if values and isinstance(values[0], int):
            return int(values[0])
        return int(self.vector(of, name, (float(default),))[0])

    def array(self, of: FbxObject, owner: FbxNode, name: str) -> np.ndarray | None:
        """[N] float64 numbers of a node below one of an object; None if there is no such node.

        Raises:
            UserError: It holds no numbers or is damaged, or the file holds too many.
        """
        value = owner.value(name)
        what = f"{self.path}: {of.kind} '{of.name}', {name}"
        if value is None:
            return None
        if not isinstance(value, FbxArray):
            raise UserError(f"{what}: is {shown(value)}, expected an array; export the file again")
        self._numbers_left -= value.count
        if self._numbers_left < 0:
            raise UserError(
                f"{what}: the file holds more than {_MOST_NUMBERS} numbers; cut it into parts"
            )
        return value.numbers(what)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and abs(value) <= _LARGEST


def _below(root: FbxNode, name: str) -> list[FbxNode]:
    found = root.child(name)
    return found.children if found else []


def _properties(node: FbxNode) -> dict[str, list[Any]]:
    """Name -> values of ``P: name, type, label, flags, values``."""
    return {
        p.values[0]: p.values[4:]
        for p in _below(node, "Properties70")
        if p.values and isinstance(p.values[0], str)
    }


def _templates(root: FbxNode) -> dict[str, dict[str, list[Any]]]:
    """Kind -> defaults of its properties."""
    found = {}
    for kind in _below(root, "Definitions"):
        template = kind.child("PropertyTemplate")
        if kind.values and isinstance(kind.values[0], str) and template:
            found[kind.values[0]] = _properties(template)
    return found


def _plain_name(name: str, kind: str, text: bool) -> str:
    """The name without its class, which binary files write behind it and ASCII before it."""
    if text and "::" in name:
        return name.partition("::")[2]
    return name.partition("\x00\x01")[0].removeprefix(f"{kind}::")
