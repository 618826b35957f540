"""Parts of a run that other packages brought, and what to say where one is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from avatar_kit.config import MethodConfig
from avatar_kit.declarations import CONFIG_BASES, ComponentConfig
from avatar_kit.registry import catalog


def foreign_parts(config: MethodConfig) -> dict[str, str]:
    """``{"renderer mine": "avatar-kit-mine 0.1.0"}`` for parts that are not avatar-kit's own."""
    found = {}
    for kind, name in _parts(config):
        component = catalog().get(kind, name)
        if not component.is_own:
            found[f"{kind} {name}"] = component.distribution
    return found


def missing_parts(recorded: Mapping[str, Any]) -> str:
    """What to say of parts, as :func:`foreign_parts` gave them, that are not here; or nothing."""
    said = []
    for part, distribution in recorded.items():
        kind, _, name = part.partition(" ")
        if kind in CONFIG_BASES and name not in catalog().names(kind):
            said.append(f"the {kind} '{name}' comes from {distribution}")
    return f"; {', '.join(said)}: install it" if said else ""


def _parts(value: Any) -> Iterator[tuple[str, str]]:
    """Kind and name of every component in a config, its own first."""
    if isinstance(value, MethodConfig):
        yield "method", value.type
    elif isinstance(value, ComponentConfig):
        bases = {kind: base for kind, base in CONFIG_BASES.items() if base is not ComponentConfig}
        yield from ((kind, value.type) for kind, base in bases.items() if isinstance(value, base))
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _parts(getattr(value, name))
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _parts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _parts(inner)
