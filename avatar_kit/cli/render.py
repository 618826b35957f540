"""``avatar-kit render``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avatar_kit.cli.align import (
    AlignerName,
    AlignerValues,
    Device,
    Run,
    Strength,
    sayer,
)
from avatar_kit.cli.grouped import grouped
from avatar_kit.cli.motion_options import DrivingOptions
from avatar_kit.cli.signing import Certificate, Key, Sign, chosen_signer
from avatar_kit.cli.view import (
    Behind,
    CameraPath,
    OptionalDrivingFile,
    Orbit,
    Output,
    chosen_cameras,
)
from avatar_kit.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from avatar_kit.engine.background import Background
    from avatar_kit.engine.loaded import LoadedAvatar
    from avatar_kit.io.signing import Signer
    from avatar_kit.io.sound import Sound
    from avatar_kit.scene import Camera, Motion

HELP = """Drive a trained avatar with a motion file or a video.

[dim]avatar-kit render runs/ram-studio-... --motion walk.npz --out walk.mp4[/dim]

[dim]avatar-kit render runs/ram-studio-... --motion dancer.mp4 --out dance.mp4[/dim]   tracks the
dancer first (needs the extra  track)

[dim]avatar-kit render runs/ram-studio-... --motion flip.npz --align mda --align-strength 0.7[/dim]

[dim]avatar-kit render runs/anr-studio-... --orbit 360 --out turntable.mp4[/dim]

[dim]avatar-kit render runs/anr-studio-... --motion walk.npz --background transparent --out
walk.webm[/dim]

[dim]avatar-kit render runs/anr-studio-... --motion walk.npz --fps 15 --out walk.gif[/dim]

[dim]avatar-kit render runs/splat-studio-... --motion walk.npz --out walk.mp4 --sign[/dim]   adds a
signed statement that it is synthetic (needs the extra  provenance)
"""


@grouped
def render(
    run: Run,
    motion: OptionalDrivingFile = None,
    values: AlignerValues = None,
    out: Output = Path("avatar.mp4"),
    reading: DrivingOptions = DrivingOptions(),
    fps: Annotated[
        float | None,
        typer.Option("--fps", help="Frame rate. Default: the capture's.", show_default=False),
    ] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Keep the avatar in the middle of the picture.")
    ] = False,
    frames: Annotated[
        int | None,
        typer.Option("--frames", help="Maximum number of frames.", show_default=False),
    ] = None,
    align: AlignerName = None,
    strength: Strength = 1.0,
    orbit: Orbit = None,
    camera: CameraPath = None,
    background: Behind = "plate",
    no_sound: Annotated[
        bool, typer.Option("--no-sound", help="Omit the sound of a driving video.")
    ] = False,
    sign: Sign = False,
    certificate: Certificate = None,
    key: Key = None,
    device: Device = "auto",
) -> None:
    """Drive an avatar."""
    from dataclasses import replace

    from rich.console import Console

    from avatar_kit.api.sound import driving_sound
    from avatar_kit.config import parse_overrides
    from avatar_kit.engine.aligning import Alignment, check_strength
    from avatar_kit.engine.background import check_background, read_background
    from avatar_kit.engine.beyond import say_beyond
    from avatar_kit.engine.loaded import load_avatar
    from avatar_kit.engine.rendering import check_output
    from avatar_kit.engine.run import RunFolder
    from avatar_kit.engine.staging import stage

    console = Console()
    folder = RunFolder.open_person(run)
    behind = read_background(background)
    check_output(out, behind)
    signer = chosen_signer(sign, certificate, key, sayer(console), out)
    if motion is None and reading.face is not None:  # a face alone drives who stands
        motion, reading = reading.face, replace(reading, face=None)
    if motion is None and orbit is None and camera is None:
        raise UserError("nothing to show: give --motion FILE, or --orbit 360 for a turntable")
    alignment = Alignment(align, parse_overrides(values or []), strength)
    loaded = load_avatar(folder, device=device)
    check_background(loaded, behind)
    reading.checked()
    driving = None if motion is None else reading.read(motion, sayer(console))
    if driving is not None:
        check_strength(strength, "--align-strength")
    placed = stage(
        loaded,
        driving,
        alignment,
        fps=fps,
        frames=frames,
        in_place=in_place,
        title=motion.name if motion else "",
        say=sayer(console),
    )
    cameras = chosen_cameras(loaded, placed, orbit, camera, behind, console)
    say_beyond(loaded, placed, cameras, sayer(console))
    sound, said = None, ""
    if motion is not None and not no_sound:
        sound, said = driving_sound(motion, out, len(placed) / placed.fps)
    if said:
        sayer(console)(said)
    record(loaded, placed, out, cameras, behind, console, sound, signer)


def record(
    loaded: LoadedAvatar,
    placed: Motion,
    out: Path,
    cameras: Camera | None,
    background: Background | None,
    console: Console,
    sound: Sound | None = None,
    signer: Signer | None = None,
) -> None:
    """Render into a video or a folder, with a bar, and say how fast."""
    import time

    from rich.progress import track

    from avatar_kit.engine.rendering import open_output, write_motion

    output = open_output(loaded, placed, out, cameras, background, sound, signer)
    total = len(placed)
    there = getattr(output, "done", 0)
    if there:
        console.print(f"{out}: {there} of {total} pictures are there", highlight=False)
    if there == total:
        return
    started, left = time.perf_counter(), total - there
    work = write_motion(loaded, placed, output, cameras, background)
    for _ in track(work, "render", total=left, console=console, transient=True):
        pass
    pace = left / (time.perf_counter() - started)
    note = getattr(output, "note", "")
    facts = f"{total} frames, {pace:.1f} frames/s" + (f"; {note}" if note else "")
    console.print(f"{out}: {facts}", highlight=False, soft_wrap=True)
