"""``avatar-kit prepare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from avatar_kit.cli.options import FieldOfView

HELP = """Turn one video of one person into a capture to train on (needs the extra  track).

[dim]avatar-kit prepare me.mp4 --out captures/me[/dim]

Film yourself from head to toe with a camera that stands still, in even light, before a plain wall.
Turn around once, move your arms. 10 to 60 seconds are enough. Each stage is cached: run the command
again and it goes on where it stopped.
"""


def prepare(
    video: Annotated[Path, typer.Argument(help="Video of one person.", show_default=False)],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Capture folder to make.", show_default=False)
    ],
    fov: FieldOfView = None,
    focal: Annotated[
        float | None,
        typer.Option("--focal", help="Focal length in pixels, if you know it.", show_default=False),
    ] = None,
    shape: Annotated[
        list[str] | None,
        typer.Option(
            "--shape",
            help="A shape value of the body you know, e.g. --shape gender=0.9 (may be repeated).",
            show_default=False,
        ),
    ] = None,
    held_out: Annotated[
        float, typer.Option("--held-out", help="Part of each clip kept for the test, 0 to 0.5.")
    ] = 0.15,
    name: Annotated[
        str | None,
        typer.Option("--name", help="Name in tables; left out: the folder's.", show_default=False),
    ] = None,
    body: Annotated[
        str | None,
        typer.Option("--body", help="Body model; left out: the default.", show_default=False),
    ] = None,
    tracker: Annotated[
        str | None,
        typer.Option("--tracker", help="Tracker; left out: the default.", show_default=False),
    ] = None,
    allow_cut: Annotated[
        bool, typer.Option("--allow-cut", help="Accept a person who is cut by the frame.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Do all stages anew.")] = False,
) -> None:
    """Prepare a video."""
    from rich.console import Console

    from avatar_kit.tracking import Options, prepare_video
    from avatar_kit.tracking.terminal import StageProgress, show

    console = Console()
    options = Options(
        fov=fov,
        focal=focal,
        shape=shape_values(shape or []),
        held_out=held_out,
        name=name,
        body=body,
        tracker=tracker,
        allow_cut=allow_cut,
        fresh=fresh,
    )
    with StageProgress(console) as progress:
        prepared = prepare_video(video, out, options, progress)
    show(prepared, console)


def shape_values(given: list[str]) -> dict[str, float]:
    """``["gender=0.9"]`` as a mapping.

    Raises:
        UserError: No ``name=value``, or the value is no number. Whether the body knows the name and
            takes the value is told when the body is there.
    """
    from avatar_kit.errors import UserError

    values = {}
    for item in given:
        key, _, text = item.partition("=")
        try:
            values[key] = float(text)
        except ValueError:
            raise UserError(f"--shape {item}: write name=value, e.g. --shape gender=0.9") from None
    return values
