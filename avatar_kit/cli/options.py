"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Method = Annotated[
    str, typer.Option("--method", "-m", help="Method to train (see  avatar-kit plugins).")
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
        help="A capture folder, or the name of a dataset. Default: the embedded synthetic capture.",
        show_default=False,
    ),
]
Captures = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        "-d",
        help="A capture folder, or a dataset with config values: 'studio subject=ben'. Repeat "
        "it to train one model of several people. Default: the embedded synthetic capture.",
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
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]
FieldOfView = Annotated[
    float | None,
    typer.Option(
        "--fov",
        help="Vertical field of view of the camera in degrees. Default: 40.",
        show_default=False,
    ),
]
