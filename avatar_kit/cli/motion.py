"""``avatar-kit motion``: look into motion files, change them, show them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avatar_kit.cli.align import Clip, sayer
from avatar_kit.cli.given import Checked
from avatar_kit.cli.motion_options import (
    Face,
    Hands,
    JointMap,
    MotionRate,
    Unit,
    Up,
    motion_options,
)
from avatar_kit.errors import UserError

if TYPE_CHECKING:
    from avatar_kit.scene import Motion

app = typer.Typer(
    help="Inspect, convert and preview motion files.",
    no_args_is_help=True,
    epilog="Start with:  avatar-kit motion info dance.glb",
)

File = Annotated[
    Path, typer.Argument(help="Motion file, or a folder of frames.", show_default=False)
]
Out = Annotated[Path, typer.Option("--out", "-o", help="File to write.", show_default=False)]
Fps = Annotated[
    float | None,
    typer.Option("--fps", help="Resample to so many frames per second.", show_default=False),
]
Start = Annotated[float, typer.Option("--start", help="Seconds at which the motion begins.")]
End = Annotated[
    float | None, typer.Option("--end", help="Seconds at which it ends.", show_default=False)
]
Loop = Annotated[
    int, typer.Option("--loop", help="So many times, each where the one before ended.")
]
Mirror = Annotated[bool, typer.Option("--mirror", help="Left for right.")]
Smooth = Annotated[
    float | None,
    typer.Option(
        "--smooth", help="Average over time: standard deviation in seconds.", show_default=False
    ),
]
InPlace = Annotated[bool, typer.Option("--in-place", help="Without the way over the floor.")]


@app.callback()
def root() -> None:
    """Inspect, convert and preview motion files."""


@app.command("info", cls=Checked)
def info(
    file: File,
    clip: Clip = None,
    up: Up = "auto",
    unit: Unit = None,
    motion_fps: MotionRate = None,
    joints: JointMap = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Say what a motion file holds, how it is read, and what is odd about it.

    [dim]avatar-kit motion info dance.glb[/dim]
    """
    import json

    from rich.console import Console

    from avatar_kit.api.motion_facts import motion_facts

    facts = motion_facts(file, clip, motion_options(up, unit, motion_fps, joints))
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    say = sayer(Console())
    for name, value in facts.items():
        for item in value if isinstance(value, list) else [value]:
            say(f"{name}: {item}")


@app.command("convert", cls=Checked)
def convert(
    file: File,
    out: Out,
    clip: Clip = None,
    up: Up = "auto",
    unit: Unit = None,
    motion_fps: MotionRate = None,
    joints: JointMap = None,
    face: Face = None,
    hands: Hands = None,
    fps: Fps = None,
    start: Start = 0.0,
    end: End = None,
    loop: Loop = 1,
    mirror: Mirror = False,
    smooth: Smooth = None,
    in_place: InPlace = False,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="Format: ours (.npz), amass (.npz), bvh. Default: by the suffix of --out.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a motion as our npz, an AMASS npz or BVH; resample, cut, loop, mirror, smooth it.

    [dim]avatar-kit motion convert dance.glb --out dance.npz --fps 30 --start 2 --end 8[/dim]

    [dim]avatar-kit motion convert dance.bvh --to amass --out dance.npz[/dim]
    """
    from rich.console import Console

    from avatar_kit.api.motion import read_motion

    say = sayer(Console())
    write = _writer(out, to)
    options = motion_options(up, unit, motion_fps, joints)
    motion = read_motion(file, clip, options=options, face=face, hands=hands, say=say)
    motion = _edited(motion, fps, start, end, loop, mirror, smooth, in_place)
    lost = write(motion)
    say(f"{out}: {len(motion)} frames at {motion.fps:g} fps{lost}")


@app.command("preview", cls=Checked)
def preview(
    file: File,
    out: Out,
    clip: Clip = None,
    up: Up = "auto",
    unit: Unit = None,
    motion_fps: MotionRate = None,
    joints: JointMap = None,
    hands: Hands = None,
    start: Start = 0.0,
    end: End = None,
    mirror: Mirror = False,
    in_place: InPlace = False,
) -> None:
    """Write a film of the skeleton: .mp4, .webm, .gif; left is blue, right is orange.

    [dim]avatar-kit motion preview dance.bvh --out dance.mp4[/dim]
    """
    from rich.console import Console

    from avatar_kit.api.motion import read_motion
    from avatar_kit.api.motion_film import write_film

    say = sayer(Console())
    options = motion_options(up, unit, motion_fps, joints)
    motion = read_motion(file, clip, options=options, hands=hands, say=say)
    motion = _edited(motion, None, start, end, 1, mirror, None, in_place)
    say(f"{out}: {write_film(out, motion)} pictures")


@app.command("plot", cls=Checked)
def plot(
    file: File,
    out: Out,
    clip: Clip = None,
    up: Up = "auto",
    unit: Unit = None,
    motion_fps: MotionRate = None,
    joints: JointMap = None,
    start: Start = 0.0,
    end: End = None,
) -> None:
    """Write one picture: poses in their order, the height of the feet, the speed.

    [dim]avatar-kit motion plot dance.bvh --out dance.png[/dim]
    """
    from rich.console import Console

    from avatar_kit.api.motion import read_motion
    from avatar_kit.api.motion_film import write_plot

    if out.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise UserError(f"{out}: a plot is a .png or .jpg file")
    say = sayer(Console())
    options = motion_options(up, unit, motion_fps, joints)
    motion = read_motion(file, clip, options=options, say=say)
    motion = _edited(motion, None, start, end, 1, False, None, False)
    contacts = write_plot(out, motion, f"{file.name}, {len(motion)} frames at {motion.fps:g} fps")
    say(f"{out}: feet that stand slide by {100 * contacts.skating:.1f} cm/s")


def _edited(
    motion: Motion,
    fps: float | None,
    start: float,
    end: float | None,
    loop: int,
    mirror: bool,
    smooth: float | None,
    in_place: bool,
) -> Motion:
    """The motion cut, changed and resampled, in this order."""
    from avatar_kit.io.motion import editing
    from avatar_kit.io.motion.values import checked_rate

    motion = editing.trimmed(motion, start, end)
    motion = editing.mirrored(motion) if mirror else motion
    motion = motion if smooth is None else editing.smoothed(motion, smooth)
    motion = editing.looped(motion, loop)
    motion = editing.in_place(motion) if in_place else motion
    return motion if fps is None else motion.resample(checked_rate(fps, "--fps"))


def _writer(out: Path, to: str | None):
    """What writes a motion to a file; it returns what the file cannot hold."""
    from avatar_kit.io.motion import save_motion
    from avatar_kit.io.motion.bvh_export import save_bvh
    from avatar_kit.io.motion.smpl import save_amass

    writers = {
        "ours": (save_motion, ".npz"),
        "amass": (save_amass, ".npz"),
        "bvh": (save_bvh, ".bvh"),
    }
    known = ", ".join(writers)
    name = to or {".npz": "ours", ".bvh": "bvh"}.get(out.suffix.lower())
    if name is None:
        raise UserError(f"{out}: a motion is written as .npz or .bvh")
    if name not in writers:
        raise UserError(f"--to {name}: expected one of {known}")
    save, suffix = writers[name]
    if out.suffix.lower() != suffix:
        raise UserError(f"{out}: {name} is written to a {suffix} file")

    def write(motion: Motion) -> str:
        save(out, motion)
        shown = bool((motion.expression > 0).any())
        return "; expressions of the face are left out" if shown and name != "ours" else ""

    return write
