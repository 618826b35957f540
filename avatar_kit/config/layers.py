"""From defaults, preset, file and command line to one config, remembering who said what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python

from avatar_kit.config.method import MethodConfig
from avatar_kit.config.yaml import load_yaml
from avatar_kit.errors import UserError, near, shown
from avatar_kit.io.documents import explain, parse_yaml
from avatar_kit.registry import catalog


@dataclass(frozen=True)
class Layer:
    """Values from one place, e.g. ``Layer("preset demo", {...})``."""

    origin: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Layered:
    """A config and, for every dotted key, the origin of its value."""

    config: MethodConfig
    origins: dict[str, str]


def parse_overrides(words: Iterable[str]) -> dict[str, Any]:
    """``["renderer.channels=64", "seed=3"]`` to nested values; the right side is YAML.

    Raises:
        UserError: A word is not ``key=value``.
    """
    nested: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise UserError(f"{word!r}: expected key=value, for example  steps=600")
        value = parse_yaml(text, f"{word!r}")
        node = nested
        *path, last = key.split(".")
        for part in path:
            below = node.setdefault(part, {})
            if isinstance(below, str):
                below = node[part] = {"type": below}
            if not isinstance(below, dict):
                raise UserError(f"{word!r}: '{part}' was given a plain value before")
            node = below
        if isinstance(node.get(last), dict) and isinstance(value, str):
            value = {"type": value, **node[last]}
        node[last] = value
    return nested


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by dotted key, such as ``{"renderer.channels": 64}``, as nested values.

    What is nested already stays; a longer key wins over what a shorter one says.
    """
    layers = []
    for key, value in sorted(values.items(), key=lambda pair: pair[0].count(".")):
        for part in reversed(key.split(".")):
            value = {part: value}
        layers.append(Layer(key, value))
    return merge(layers)[0]


def resolve_method(
    name: str,
    *,
    preset: str | None = None,
    file: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    default_preset: str = "",
    origin: str = "command line",
) -> Layered:
    """Build the config of a method.

    Args:
        name: Registered name of the method.
        preset: Preset asked for; None takes the file's, else ``default_preset`` if it exists.
        file: YAML file, or None.
        overrides: Nested values from the command line.
        default_preset: What to use where nobody says.
        origin: Where the overrides come from, for errors.

    Raises:
        UserError: Unknown method, preset or key, wrong type, parts that do not fit.
    """
    component = catalog().get("method", name)
    cls: type[MethodConfig] = component.config  # type: ignore[assignment]
    from_file = load_yaml(file) if file else {}
    wanted = preset or (overrides or {}).get("preset") or from_file.get("preset")
    chosen = wanted or (default_preset if default_preset in cls.presets else "")
    if not isinstance(chosen, str):
        raise UserError(f"preset: expected the name of a preset, got {shown(chosen)}")
    if chosen and chosen not in cls.presets:
        known = ", ".join(cls.presets) or "none"
        hint = near(chosen, list(cls.presets))
        raise UserError(f"method '{name}' has no preset '{chosen}'{hint}; it has {known}")
    layers = [
        Layer("default", _defaults(cls)),
        Layer(f"preset {chosen}", {**cls.presets.get(chosen, {}), "preset": chosen}),
        Layer(str(file), {k: v for k, v in from_file.items() if k not in ("type", "preset")}),
        Layer(origin, {k: v for k, v in (overrides or {}).items() if k != "preset"}),
    ]
    values, origins = merge(layers)
    try:
        config = cls.model_validate({"type": name, **values})
    except ValidationError as error:
        raise UserError(explain(error, cls, origins, values)) from None
    return Layered(config, origins)


def dump_method(config: MethodConfig) -> dict[str, Any]:
    """Every value of a config, so that :func:`resolve_method` makes the same config of them.

    A part that a default or the preset brings and this config does not have is null.
    """
    cls = type(config)
    preset = cls.presets.get(config.preset, {})
    started, _ = merge([Layer("default", _defaults(cls)), Layer("preset", preset)])
    values = config.model_dump(mode="json")
    _say_what_is_gone(values, started)
    return values


def _say_what_is_gone(values: dict[str, Any], started: Mapping[str, Any]) -> None:
    for key, before in started.items():
        now = values.setdefault(key, None)
        if not isinstance(before, Mapping) or not isinstance(now, dict):
            continue
        if before.get("type") == now.get("type"):
            _say_what_is_gone(now, before)


def _defaults(cls: type[MethodConfig]) -> dict[str, Any]:
    """Default values that have keys of their own, so that a layer can change one of them."""
    found = {}
    for name, field in cls.model_fields.items():
        value = field.get_default(call_default_factory=True)
        if isinstance(value, (dict, BaseModel)):
            found[name] = to_jsonable_python(value)
    return found


def merge(layers: Iterable[Layer]) -> tuple[dict[str, Any], dict[str, str]]:
    """Lay values over one another; later layers win, key by key.

    Where a later layer names another component ``type``, what was below is dropped. Values of a
    layer called "default" have no origin.
    """
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        _lay(merged, layer.values, layer.origin, origins, "")
    return merged, origins


def _lay(
    below: dict[str, Any], above: Mapping[str, Any], origin: str, origins: dict[str, str], at: str
) -> None:
    for key, value in above.items():
        path = f"{at}.{key}" if at else key
        old = below.get(key)
        if isinstance(old, dict) and isinstance(value, str):
            value = {"type": value}
        if isinstance(value, Mapping):
            replaced = not isinstance(old, dict) or value.get("type", old.get("type")) != old.get(
                "type"
            )
            if replaced:
                below[key] = {"type": old} if isinstance(old, str) and "type" not in value else {}
            _lay(below[key], value, origin, origins, path)
        else:
            below[key] = value
            if origin != "default":
                origins[path] = origin
