"""JSON and YAML as plain values: text, numbers, true, false, null, lists and mappings by text."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml

from avatar_kit.errors import UserError, shown
from avatar_kit.io.documents.files import read_text

#: Bytes of a JSON file: a capture of many frames whose cameras move is the largest.
_JSON_BYTES = 128 << 20
#: Bytes of a YAML file. It is read slowly, and a person wrote it.
_YAML_BYTES = 256 << 10
#: Values of a YAML file when every alias is replaced by what it stands for.
_YAML_VALUES = 20_000
#: Mappings and lists within one another.
_DEPTH = 40

#: What a parser raises at text that it cannot make a value of (``!!int x``, 5000 digits, ...).
_REFUSED = (yaml.YAMLError, ArithmeticError, ValueError)


class PlainLoader(yaml.SafeLoader):
    """Safe YAML without dates (they stay text) and without keys that are there twice."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """A node, not too deep in others."""
        self.depth += 1
        if self.depth > _DEPTH + 1:
            raise RecursionError
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """A mapping; a key of its own wins over one of a merge (``<<``)."""
        seen = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:merge" and key.value in seen and _is_own(key, node):
                raise ValueError(f"key '{key.value}' is there twice in one mapping")
            if isinstance(key.value, str):
                seen.add(key.value)
        return super().construct_mapping(node, deep)


PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in known if not tag.endswith(":timestamp")]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _is_own(key: yaml.Node, node: yaml.MappingNode) -> bool:
    """Whether a key was written in the mapping, not merged into it."""
    return (
        node.start_mark.index <= key.start_mark.index and key.end_mark.index <= node.end_mark.index
    )


def parse_json(text: str, where: str) -> Any:
    """The plain value of a JSON text.

    Args:
        text: The text.
        where: What errors begin with, e.g. the path of the file.

    Raises:
        UserError: It is no JSON, a key is there twice, or a value is not plain.
    """
    return _plain(lambda: json.loads(text, object_pairs_hook=_unique), "JSON", where)


def parse_yaml(text: str, where: str, loader: type[PlainLoader] = PlainLoader) -> Any:
    """The plain value of a YAML text; dates stay text.

    Args:
        text: The text.
        where: What errors begin with, e.g. the path of the file.
        loader: Which tags it knows.

    Raises:
        UserError: It is no YAML, too large when its aliases are replaced, a key is there twice, or
            a value is not plain.
    """
    return _plain(lambda: _loaded(text, loader), "YAML", where)


def read_json(path: str | Path, *, what: str = "file", fix: str = "") -> Any:
    """The plain value of a JSON file; ``what`` it is and the ``fix`` if it is missing are said.

    Raises:
        UserError: It cannot be read, or as for :func:`parse_json`.
    """
    return parse_json(read_text(path, what=what, limit=_JSON_BYTES, fix=fix), str(path))


def read_yaml(path: str | Path, *, what: str = "file", fix: str = "") -> Any:
    """The plain value of a YAML file; ``what`` it is and the ``fix`` if it is missing are said.

    Raises:
        UserError: It cannot be read, or as for :func:`parse_yaml`.
    """
    return parse_yaml(read_text(path, what=what, limit=_YAML_BYTES, fix=fix), str(path))


def _plain(parse: Callable[[], Any], form: str, where: str) -> Any:
    try:
        value = parse()
        _check_plain(value)
        return value
    except RecursionError:
        reason = f"lists and mappings are nested more than {_DEPTH} deep"
    except (AttributeError, LookupError, TypeError):
        reason = "a tag (!!...) does not fit the value behind it"
    except _REFUSED as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
    raise UserError(f"{where}: not valid {form}: {reason}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"key '{twice}' is there twice in one object")
    return found


def _loaded(text: str, loader: type[PlainLoader]) -> Any:
    reader = loader(text)
    try:
        node = reader.get_single_node()
        if node is None:
            return None
        if _expanded(node, {}) > _YAML_VALUES:
            raise ValueError(f"more than {_YAML_VALUES} values, aliases replaced")
        return reader.construct_document(node)
    finally:
        reader.dispose()


def _expanded(node: yaml.Node, known: dict[int, int]) -> int:
    """Number of values below a node, each alias counted as what it stands for.

    Raises:
        ValueError: A value contains itself.
    """
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        known[id(node)] = -1
        below = node.value
        if isinstance(node, yaml.MappingNode):
            below = [part for pair in below for part in pair]
        known[id(node)] = 1 + sum(_expanded(part, known) for part in below)
    if known[id(node)] < 0:
        raise ValueError("an alias stands for what contains it")
    return known[id(node)]


def _check_plain(value: Any) -> None:
    """Refuse what no file of ours holds, so that nothing behind has to.

    Raises:
        ValueError: Names the key: nested too deep, a number of more than 64 bits, text that no
            path can hold, a key that is no text, a set, bytes.
    """
    left: list[tuple[Any, str, int]] = [(value, "", 0)]
    while left:
        item, at, depth = left.pop()
        if isinstance(item, Mapping | list):
            if depth >= _DEPTH:
                raise RecursionError
            pairs = item.items() if isinstance(item, Mapping) else enumerate(item)
            for key, below in pairs:
                if isinstance(item, Mapping):
                    _check_key(key, at)
                left.append((below, f"{at}.{key}" if at else str(key), depth + 1))
        elif isinstance(item, str):
            _check_text(item, at)
        elif isinstance(item, int) and not -(2**63) <= item < 2**63:
            raise ValueError(f"{_named(at)}{shown(item)}: whole numbers have at most 64 bits")
        elif item is not None and not isinstance(item, int | float):
            raise ValueError(
                f"{_named(at)}a {type(item).__name__}; expected text, a number, true, false, "
                "null, a list or a mapping"
            )


def _check_key(key: Any, at: str) -> None:
    if not isinstance(key, str):
        raise ValueError(f"{_named(at)}the key {shown(key)} is no text; put it into quotes")
    _check_text(key, at)


def _check_text(text: str, at: str) -> None:
    if "\0" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
        raise ValueError(f"{_named(at)}{shown(text)} holds a character that no text has")


def _named(at: str) -> str:
    return f"{at}: " if at else ""
