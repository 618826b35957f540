"""``avatar-kit live``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avatar_kit.cli.align import AlignerName, AlignerValues, Device, Run, Strength, sayer
from avatar_kit.cli.options import FieldOfView
from avatar_kit.cli.signing import Certificate, Key, Sign, chosen_signer
from avatar_kit.cli.view import Behind
from avatar_kit.errors import MissingExtra, UserError

if TYPE_CHECKING:
    from avatar_kit.engine.run import RunFolder
    from avatar_kit.live.address import Address
    from avatar_kit.live.receiving import ReceiveSettings
    from avatar_kit.live.watching import WatchSettings

HELP = """Drive a trained avatar with a camera, on a page in your browser.

[dim]avatar-kit live runs/splat-studio-...[/dim]   your webcam; calibrates in the first seconds

[dim]avatar-kit live runs/splat-studio-... --performer me.json[/dim]   saves the calibration and
reuses it

[dim]avatar-kit live runs/splat-studio-... --camera dancer.mp4 --record out.mp4[/dim]

[dim]avatar-kit live runs/splat-studio-... --camera dancer.mp4 --check[/dim]   measures the speed

[dim]avatar-kit live runs/splat-studio-... --receive vmc://127.0.0.1:39539[/dim]   another program
drives it, without a camera

Needs the extra  live; with a camera also the extra  track.
"""


def live(
    run: Run,
    values: AlignerValues = None,
    camera: Annotated[
        str | None,
        typer.Option(
            "--camera",
            help="browser: the camera of the page; a number: a camera of this machine; or a "
            "video file, which plays in a loop. Default: browser, or none with --receive.",
            show_default=False,
        ),
    ] = None,
    receive: Annotated[
        str | None,
        typer.Option(
            "--receive",
            help="Receive poses from another program: vmc://HOST:PORT for body and face; "
            "livelink://HOST:PORT for the face from the app Live Link Face, with or "
            "without a --camera. HOST is the address to listen on: 127.0.0.1 for programs "
            "on this machine, 0.0.0.0 for other machines too.",
            show_default=False,
        ),
    ] = None,
    performer: Annotated[
        Path | None,
        typer.Option(
            "--performer",
            help="Calibration file (.json), written if it does not exist; or the capture folder "
            "of the performer. Default: calibrate again.",
            show_default=False,
        ),
    ] = None,
    align: AlignerName = None,
    strength: Strength = 1.0,
    fps: Annotated[
        float, typer.Option("--fps", help="Maximum number of pictures per second.")
    ] = 25.0,
    background: Behind = "plate",
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Keep the avatar in the middle of the picture.")
    ] = False,
    fov: FieldOfView = None,
    tracker: Annotated[
        str | None,
        typer.Option("--tracker", help="Registered tracker. Default: the default tracker."),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(
            "--record",
            help="Video of the avatar to write, from its first movement on: .mp4, .mov, .webm.",
            show_default=False,
        ),
    ] = None,
    send: Annotated[
        str | None,
        typer.Option(
            "--send",
            help="Also send the avatar's poses to another program: vmc://HOST:PORT.",
            show_default=False,
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Play the clip for 10 seconds and print how fast it was."),
    ] = False,
    sign: Sign = False,
    certificate: Certificate = None,
    key: Key = None,
    host: Annotated[
        str,
        typer.Option(
            "--host",
            help="Address to listen on. Any other than 127.0.0.1 lets "
            "other machines see the session.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", help="Port to listen on; 0: any free port.")
    ] = 8765,
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

    try:
        from avatar_kit.live import session
    except ModuleNotFoundError as error:
        raise MissingExtra("the live page", "live", error.name or "aiohttp") from None
    from avatar_kit.live.address import RECEIVED, SENT, Address
    from avatar_kit.live.showing import ShowSettings

    console = Console()
    say = sayer(console)
    check_strength(strength, "--align-strength")
    if not 1 <= fps <= 120:
        raise UserError(f"--fps {fps:g}: expected between 1 and 120")
    if record is not None:
        encoding_of(record, alpha=background == "transparent")
    signer = chosen_signer(sign, certificate, key, say, record)
    target = None if send is None else Address.read(send, "--send", SENT)
    source = None if receive is None else Address.read(receive, "--receive", RECEIVED)
    given = {"--performer": performer, "--tracker": tracker, "--fov": fov}
    camera = _camera(camera, source, [name for name, value in given.items() if value is not None])
    if check and camera == "browser":
        raise UserError("--check: needs a clip to play; give --camera FILE, or --receive")
    read_background(background)
    _check_camera(camera, fov)
    folder = RunFolder.open_person(run)
    showing = ShowSettings(
        folder.root,
        fps,
        align,
        parse_overrides(values or []),
        strength,
        background,
        in_place,
        device,
        target,
        signer,
    )
    watching, keep = _watching(camera, tracker, fov, performer, say)
    options = session.LiveOptions(
        watching,
        showing,
        _receiving(source, folder, fps, alone=camera is None),
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


def _camera(given: str | None, source: Address | None, needing: list[str]) -> str | None:
    """Which camera it is; None: none.

    Args:
        given: What a person asked for.
        source: What another program sends.
        needing: Options that were given and are for a camera.
    """
    if source is None:
        return given or "browser"
    if source.scheme == "vmc" and given is not None:
        raise UserError(f"--receive {source} provides body and face; omit --camera {given}")
    if given is None and needing:
        raise UserError(
            f"{' and '.join(needing)}: only for a camera, and --receive {source} needs none; "
            "omit it, or give --camera"
        )
    return given


def _check_camera(camera: str | None, fov: float | None) -> None:
    """Refuse a field of view that makes no camera, and a file that is no video."""
    if camera is None:
        return
    from avatar_kit.live.sources import check_source
    from avatar_kit.tracking.place import static_camera

    static_camera(640, 480, fov=fov)
    check_source(camera)


def _watching(
    camera: str | None,
    tracker: str | None,
    fov: float | None,
    performer: Path | None,
    say: Callable[[str], None],
) -> tuple[WatchSettings | None, Path | None]:
    """How the performer is watched, and where a new calibration is kept."""
    if camera is None:
        return None, None
    from avatar_kit.live.starting import known_performer
    from avatar_kit.live.watching import WatchSettings
    from avatar_kit.registry import catalog

    name = tracker or catalog().default("tracker")
    catalog().get("tracker", name).load()
    known, keep = known_performer(performer, name, say)
    return WatchSettings(camera, name, known.body, fov, known.text), keep


def _receiving(
    source: Address | None, folder: RunFolder, fps: float, *, alone: bool
) -> ReceiveSettings | None:
    """What another program sends, and for whom it is."""
    if source is None:
        return None
    from avatar_kit.live.receiving import ReceiveSettings
    from avatar_kit.live.starting import avatar_as_performer

    if source.scheme != "vmc":
        return ReceiveSettings(source, fps, head=alone)
    performer, leg = avatar_as_performer(folder)
    return ReceiveSettings(source, fps, performer, leg)
