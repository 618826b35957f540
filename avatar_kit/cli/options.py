"""Options that several commands share."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from avatar_kit.errors import UserError

Method = Annotated[
    str, typer.Option("--method", "-m", help="Method to train; see  avatar-kit plugins.")
]
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset", "-p", help="Named starting values, e.g. demo, light, paper.", show_default=False
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        "-d",
        help="A capture folder, or the name of a dataset. Left out: the embedded synthetic one.",
        show_default=False,
    ),
]
Captures = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        "-d",
        help="A capture folder, or a dataset with values of its own: 'studio subject=ben'. Given "
        "several times: one model of several people. Left out: the embedded synthetic one.",
        show_default=False,
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="YAML file with config values.", show_default=False),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="Config values, e.g. steps=2000 renderer.channel_multiplier=1.",
        show_default=False,
    ),
]


def data_values(data: str | None) -> dict[str, Any]:
    """What ``--data`` means in the config: a folder, or ``DATASET key=value ...``.

    Raises:
        UserError: Neither a folder nor a dataset.
    """
    from avatar_kit.config import parse_overrides
    from avatar_kit.registry import catalog

    if data is None:
        return {}
    if " " in data and not Path(data).exists():
        dataset, *words = shlex.split(data)
        return {"data": {**data_values(dataset)["data"], **parse_overrides(words)}}
    # a folder that merely has the name of a dataset does not hide it; a capture does
    known = data in catalog().names("dataset") and not (Path(data) / "capture.json").exists()
    if known:
        return {"data": {"type": data}}
    if Path(data).exists():
        return {"data": {"type": "capture", "path": str(Path(data).resolve())}}
    if Path(data).suffix or "/" in data:
        raise UserError(
            f"--data {data}: no such folder; make one with  avatar-kit prepare VIDEO --out {data}"
        )
    catalog().get("dataset", data)
    return {}


def people_values(captures: list[str] | None) -> dict[str, Any]:
    """What ``--data``, given once or more, means in the config.

    Raises:
        UserError: One is neither a folder nor a dataset.
    """
    found = [data_values(data)["data"] for data in captures or []]
    if not found:
        return {}
    return {"data": found[0], **({"others": found[1:]} if found[1:] else {})}


def default_preset(method: str) -> tuple[str, str]:
    """The preset for this machine and, where it is a step down, a line that says so."""
    from avatar_kit.registry import catalog

    presets = getattr(catalog().get("method", method).config, "presets", {})
    import torch

    if torch.cuda.is_available():
        return ("light" if "light" in presets else ""), ""
    if "demo" not in presets:
        return "", ""
    return "demo", (
        "no CUDA device here: taking the preset 'demo' (small, for CPUs); "
        "--preset light or paper for the real size"
    )
