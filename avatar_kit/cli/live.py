"""``avatar-kit live``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from avatar_kit.cli.align import AlignerName, AlignerValues, Device, Run, Strength, sayer
from avatar_kit.cli.options import FieldOfView
from avatar_kit.cli.view import Behind
from avatar_kit.errors import MissingExtra, UserError

HELP = """Drive a trained avatar with a camera, on a page in your browser.

[dim]avatar-kit live runs/splat-studio-...[/dim]   your webcam; calibrates in the first seconds

[dim]avatar-kit live runs/splat-studio-... --performer me.json[/dim]   keeps the calibration there,
and takes it the next time

[dim]avatar-kit live runs/splat-studio-... --camera dancer.mp4 --record out.mp4[/dim]

[dim]avatar-kit live runs/splat-studio-... --camera dancer.mp4 --check[/dim]   how fast is it here?

Needs the extras  live  and  track.
"""


def live(
    run: Run,
    values: AlignerValues = None,
    camera: Annotated[
        str,
        typer.Option(
            "--camera",
            help="browser: that of the page; a number: a camera of this machine; or a video file, "
            "which is played over and over.",
        ),
    ] = "browser",
    performer: Annotated[
        Path | None,
        typer.Option(
            "--performer",
            help="File of a calibration (.json), written if it is not there; or the capture "
            "folder of the performer. Left out: calibrate anew.",
            show_default=False,
        ),
    ] = None,
    align: AlignerName = None,
    strength: Strength = 1.0,
    fps: Annotated[float, typer.Option("--fps", help="Pictures a second, at most.")] = 25.0,
    background: Behind = "plate",
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Keep the avatar in the middle of the picture.")
    ] = False,
    fov: FieldOfView = None,
    tracker: Annotated[
        str | None,
        typer.Option("--tracker", help="Registered tracker; left out: the default one."),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(
            "--record",
            help="Video of the avatar to write, from its first move on: .mp4, .mov, .webm.",
            show_default=False,
        ),
    ] = None,
    send: Annotated[
        str | None,
        typer.Option(
            "--send",
            help="Send the avatar's poses to another program, too: vmc://HOST:PORT.",
            show_default=False,
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Play the clip for 10 seconds and print how fast it was."),
    ] = False,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; others than this machine see it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port; 0: any that is free.")] = 8765,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.")] = True,
    device: Device = "auto",
) -> None:
    """Drive an avatar live."""
    import asyncio

    from rich.console import Console

    from avatar_kit.config import parse_overrides
    from avatar_kit.engine.aligning import check_strength
    from avatar_kit.engine.background import read_background
    from avatar_kit.engine.run import RunFolder
    from avatar_kit.io.video_writer import encoding_of
    from avatar_kit.registry import catalog
    from avatar_kit.tracking.place import static_camera

    try:
        from avatar_kit.live import session, vmc
    except ModuleNotFoundError as error:
        raise MissingExtra("the live page", "live", error.name or "aiohttp") from None
    from avatar_kit.live.showing import ShowSettings
    from avatar_kit.live.sources import check_source
    from avatar_kit.live.starting import known_performer
    from avatar_kit.live.watching import WatchSettings

    console = Console()
    say = sayer(console)
    check_strength(strength, "--align-strength")
    if not 1 <= fps <= 120:
        raise UserError(f"--fps {fps:g}: expected between 1 and 120")
    if check and camera == "browser":
        raise UserError("--check: needs a clip to play; give --camera FILE")
    if record is not None:
        encoding_of(record, alpha=background == "transparent")
    if send is not None:
        vmc.Address.read(send)
    static_camera(640, 480, fov=fov)  # refuses a field of view that makes no camera
    read_background(background)
    check_source(camera)
    folder = RunFolder.open_person(run)
    tracker_name = tracker or catalog().default("tracker")
    catalog().get("tracker", tracker_name).load()
    known, keep = known_performer(performer, tracker_name, say)
    options = session.LiveOptions(
        WatchSettings(camera, tracker_name, known.body, fov, known.text),
        ShowSettings(
            folder.root,
            fps,
            align,
            parse_overrides(values or []),
            strength,
            background,
            in_place,
            device,
            send,
        ),
        host=host,
        port=port,
        record=record,
        performer=keep,
        browser=browser,
    )
    if not check:
        asyncio.run(session.serve(options, say))
        return
    console.print(session.table(asyncio.run(session.check(options, 10.0, say))))
