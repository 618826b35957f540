"""Configs as YAML that a person can read and edit: no tags, no objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from avatar_kit.errors import UserError, shown
from avatar_kit.io.documents import read_yaml


def load_yaml(path: Path) -> dict[str, Any]:
    """Read a mapping from a YAML file.

    Raises:
        UserError: The file cannot be read, is not plain YAML or does not hold a mapping.
    """
    value = read_yaml(path, what="config file")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UserError(f"{path}: expected a mapping of keys, found {shown(value)}")
    return value


def dump_yaml(values: dict[str, Any]) -> str:
    """The text of a mapping of plain values, in the order given."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """Writes text so that it is read as it was: other styles fold the line ends of Unicode."""

    def text(self, value: str) -> yaml.ScalarNode:
        style = '"' if any(end in value for end in "\x85\u2028\u2029") else None
        return self.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _Dumper.text)
