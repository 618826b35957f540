"""Validation errors as a person wants to read them: path, what is wrong, the near match."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from avatar_kit.errors import near


def explain(
    error: ValidationError, model: type[BaseModel], origins: Mapping[str, str] | None = None
) -> str:
    """One line per mistake: ``renderer.chanels: unknown key; did you mean 'channels'?``."""
    lines = []
    for path, text in _flatten(error, model, ()):
        dotted = ".".join(str(p) for p in path)
        origin = (origins or {}).get(dotted)
        lines.append(f"{dotted or 'config'}: {text}" + (f"  ({origin})" if origin else ""))
    return "\n".join(lines)


def _flatten(
    error: ValidationError, model: type[BaseModel], at: tuple[Any, ...]
) -> Iterator[tuple[tuple[Any, ...], str]]:
    for item in error.errors(include_url=False):
        path = (*at, *item["loc"])
        if item["type"] == "nested":
            yield from _flatten(item["ctx"]["cause"], item["ctx"]["model"], path)
        elif item["type"] == "extra_forbidden":
            owner = _owner(model, item["loc"])
            known = list(owner.model_fields)
            yield (
                path,
                "unknown key" + (near(str(path[-1]), known) or f"; known: {', '.join(known)}"),
            )
        elif item["type"] == "missing":
            yield path, "is required"
        else:
            given = item.get("input")
            shown = f" (got {given!r})" if isinstance(given, (str, int, float, bool)) else ""
            custom = item["type"] in ("component", "fit")
            yield path, item["msg"] + ("" if custom else shown)


def _owner(model: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel]:
    """The model whose key is unknown, following plain nested models along the path."""
    owner = model
    for key in loc[:-1]:
        field = owner.model_fields.get(str(key))
        inner = field.annotation if field else None
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            owner = inner
    return owner
