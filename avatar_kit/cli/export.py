"""``avatar-kit export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from avatar_kit.cli.align import Device, Run, sayer
from avatar_kit.cli.grouped import grouped
from avatar_kit.cli.motion_options import DrivingOptions

HELP = """Write a trained avatar for other programs; the suffix of the file selects the format.

[dim]avatar-kit export runs/splat-studio-... --to ada.ply[/dim]   the first training pose

[dim]avatar-kit export runs/splat-studio-... --to walk/%05d.ply --motion walk.npz --fps 15[/dim]

[dim]avatar-kit export runs/ram-studio-... --to ada.glb --motion walk.npz[/dim]   a textured mesh

[dim]avatar-kit export runs/ram-studio-... --to ada.html --motion walk.npz[/dim]   a web page of it

[dim]avatar-kit export runs/ram-studio-... --to walk.bvh --motion walk.npz[/dim]   the motion

[dim]avatar-kit export runs/ram-studio-... --to ada.onnx[/dim]   the network that paints

Options of a format follow as KEY=VALUE; avatar-kit plugins list  names the exporters.
"""


@grouped
def export(
    run: Run,
    to: Annotated[
        Path,
        typer.Option(
            "--to",
            "-o",
            help="File to write. With %05d in its name, one file is written for each frame of "
            "the motion.",
            show_default=False,
        ),
    ],
    values: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="Options of the format, e.g. axes=y_up (see  avatar-kit plugins show NAME).",
            show_default=False,
        ),
    ] = None,
    motion: Annotated[
        Path | None,
        typer.Option(
            "--motion",
            help="Motion that drives the avatar: .npz (ours, AMASS, SMPL, SMPL-X), .bvh, or a "
            "video. Default: a training pose, or the default of the format.",
            show_default=False,
        ),
    ] = None,
    reading: DrivingOptions = DrivingOptions(),
    fps: Annotated[
        float | None,
        typer.Option(
            "--fps", help="Frame rate of the motion. Default: the capture's.", show_default=False
        ),
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option("--frames", help="Maximum number of frames.", show_default=False),
    ] = None,
    frame: Annotated[
        int | None,
        typer.Option(
            "--frame",
            help="Number of the single frame to write, of the motion or of the training poses. "
            "Default: 0.",
            show_default=False,
        ),
    ] = None,
    device: Device = "auto",
) -> None:
    """Export an avatar."""
    from rich.console import Console
    from rich.progress import Progress

    from avatar_kit.config import parse_overrides
    from avatar_kit.engine.export_target import ExportMotion, check_shown, exporter_for
    from avatar_kit.engine.exporting import export as write
    from avatar_kit.engine.loaded import load_avatar
    from avatar_kit.engine.run import RunFolder
    from avatar_kit.errors import UserError

    console = Console()
    folder = RunFolder.open_person(run)
    options = parse_overrides(values or [])
    component, _ = exporter_for(to, options)  # before anything is loaded
    component.load()
    if reading.clip is not None and motion is None:
        raise UserError("--clip: selects a clip of a driving motion; give --motion FILE too")
    reading.checked()
    driving = None if motion is None else reading.read(motion, sayer(console))
    shown = ExportMotion(driving, motion.name if motion else "", fps, frames, frame)
    check_shown(to, exporter_for(to, options)[1], shown)
    loaded = load_avatar(folder, device=device)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("export", total=None)
        result = write(
            loaded,
            to,
            shown,
            options,
            say=sayer(console),
            report=lambda done, total, line: bar.update(task, completed=done, total=total),
        )
    sayer(console)(str(result))
