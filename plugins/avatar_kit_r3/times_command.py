"""``avatar-kit r3-times``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def r3_times(
    run: Annotated[Path, typer.Argument(help="Run folder.", show_default=False)],
    motion: Annotated[
        Path,
        typer.Option(
            "--motion",
            help="Motion that drives the avatar, as in  avatar-kit render.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Table to write (.csv); a .png is written next to it."),
    ] = Path("times.csv"),
    clip: Annotated[
        str | None,
        typer.Option("--clip", help="Name or number of a clip of the file.", show_default=False),
    ] = None,
    align: Annotated[
        str | None,
        typer.Option(
            "--align", help="Aligner to use. Default: the avatar's own.", show_default=False
        ),
    ] = None,
) -> None:
    """Say which training frames each part of the body is shown at, frame by frame of a motion.

    [dim]avatar-kit r3-times runs/r3-studio-... --motion walk.npz --out walk.csv[/dim]
    """
    from avatar_kit.api.motion import read_motion
    from avatar_kit.engine.aligning import Alignment
    from avatar_kit.engine.loaded import load_avatar
    from avatar_kit.engine.run import RunFolder
    from avatar_kit.engine.staging import stage
    from avatar_kit.errors import UserError
    from avatar_kit_r3.times import retrieve, summary, the_cloud, write_chart, write_table

    if out.suffix.lower() != ".csv":
        raise UserError(f"{out}: the table must be a .csv file")
    folder = RunFolder.open_person(run)
    driving = read_motion(motion, clip)
    loaded = load_avatar(folder, device="cpu")
    cloud = the_cloud(loaded.avatar, run)
    placed = stage(loaded, driving, Alignment(align), title=motion.name, say=typer.echo)
    found = retrieve(cloud, placed)
    chart = out.with_suffix(".png")
    write_table(out, found, placed.fps)
    write_chart(chart, found, cloud.training_poses.config.far)
    typer.echo(summary(found, cloud.training_poses.config.far))
    typer.echo(f"{out}, {chart}: {len(found.times)} frames at {placed.fps:g} fps")
