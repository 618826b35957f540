"""Configs as YAML that a person can read and edit: no tags, no objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from avatar_kit.errors import UserError


def load_yaml(path: Path) -> dict[str, Any]:
    """Read a mapping from a YAML file.

    Raises:
        UserError: The file is missing, is not YAML or does not hold a mapping.
    """
    try:
        value = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path}: no such config file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: not valid YAML: {reason}") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UserError(f"{path}: expected a mapping of keys, found {type(value).__name__}")
    return value


def dump_yaml(values: dict[str, Any]) -> str:
    """The text of a mapping of plain values, in the order given."""
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
