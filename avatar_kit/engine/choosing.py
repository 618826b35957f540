"""What a few words choose: the capture to train on, and the preset for this machine."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from avatar_kit.config import load_yaml, parse_overrides
from avatar_kit.config.layers import Layer, merge
from avatar_kit.errors import UserError
from avatar_kit.registry import catalog

#: A capture folder; a dataset, with values of its own or without; values of the config's ``data``.
Data = str | Path | Mapping[str, Any]


def data_values(data: Data | None, called: str = "data") -> dict[str, Any]:
    """What a choice of a capture means in the config.

    Args:
        data: ``"captures/me"``, ``"studio"``, ``"studio subject=ben"``, or the values themselves,
            such as ``{"type": "studio", "subject": "ben"}``. A path object is always a folder.
        called: What the choice is called where it was made, for errors.

    Returns:
        ``{"data": {...}}``; empty where nothing was chosen.

    Raises:
        UserError: Neither a folder nor a dataset.
    """
    if data is None:
        return {}
    if isinstance(data, Mapping):
        return {"data": dict(data)}
    folder, text = Path(data), str(data)
    if isinstance(data, str):
        if " " in text and not folder.exists():
            dataset, *words = split_words(text, called)
            chosen = data_values(dataset, called)["data"]
            return {"data": {**chosen, **parse_overrides(words)}}
        # a folder that merely has the name of a dataset does not hide it; a capture does
        if text in catalog().names("dataset") and not (folder / "capture.json").exists():
            return {"data": {"type": text}}
    if folder.exists():
        return {"data": {"type": "capture", "path": str(folder.resolve())}}
    if isinstance(data, str) and not folder.suffix and "/" not in text:
        catalog().get("dataset", text)  # says which are known
    raise UserError(
        f"{called} {text}: no such folder; make one with  avatar-kit prepare VIDEO --out {text}"
    )


def split_words(text: str, called: str) -> list[str]:
    """The words of a text, as a shell splits it; at least one.

    Args:
        text: Such as ``"studio subject=ben"``.
        called: What it is called where it was given, for errors.

    Raises:
        UserError: It is blank, or a quotation mark has no second one.
    """
    try:
        words = shlex.split(text)
    except ValueError:
        raise UserError(f"{called} {text!r}: a quotation mark is not closed") from None
    if not words:
        raise UserError(f"{called} {text!r}: empty; expected a name")
    return words


def with_data(
    captures: Sequence[Data] | None, values: Mapping[str, Any], called: str = "data"
) -> dict[str, Any]:
    """Config values and what the captures mean in them; a value of ``data`` keeps the rest of it.

    Args:
        captures: See :func:`people_values`.
        values: Nested config values, such as ``{"data": {"cameras": ["front"]}}``.
        called: See :func:`people_values`.
    """
    return merge([Layer("captures", people_values(captures, called)), Layer("values", values)])[0]


def all_values(
    method: str | None,
    preset: str | None,
    captures: Sequence[Data] | None,
    values: Mapping[str, Any],
    file: Path | None = None,
    called: str = "data",
) -> dict[str, Any]:
    """Everything that was asked of a training as nested config values.

    Args:
        method: Becomes ``type``; None where it was not given.
        preset: Becomes ``preset``, likewise.
        captures: See :func:`people_values`.
        values: Nested config values; they win over the file's.
        file: YAML file, or None.
        called: See :func:`people_values`.
    """
    named = {"type": method, "preset": preset}
    layers = [
        Layer("file", load_yaml(file) if file else {}),
        Layer("values", with_data(captures, values, called)),
        Layer("names", {key: value for key, value in named.items() if value}),
    ]
    return merge(layers)[0]


def people_values(captures: Sequence[Data] | None, called: str = "data") -> dict[str, Any]:
    """What one or several chosen captures mean in the config.

    Raises:
        UserError: One is neither a folder nor a dataset.
    """
    found = [data_values(data, called)["data"] for data in captures or []]
    if not found:
        return {}
    return {"data": found[0], **({"others": found[1:]} if found[1:] else {})}


def default_preset(method: str) -> tuple[str, str]:
    """The preset for this machine and, where it is a step down, a line that says so."""
    import torch  # late: naming a capture needs none of it

    presets = getattr(catalog().get("method", method).config, "presets", {})

    if torch.cuda.is_available():
        return ("light" if "light" in presets else ""), ""
    if "demo" not in presets:
        return "", ""
    return "demo", (
        "no CUDA device: falling back to the preset demo, small enough for a CPU; "
        "use --preset light for full size"
    )
