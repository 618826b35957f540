"""``avatar-kit motion``: look into motion files, change them, show them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avatar_kit.cli.align import sayer
from avatar_kit.cli.given import Checked
from avatar_kit.cli.grouped import grouped
from avatar_kit.cli.motion_options import Clip, DrivingOptions, MotionReading
from avatar_kit.cli.options import AsJson
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


@dataclass(frozen=True)
class Edits:
    """What is changed of a motion, in this order."""

    start: Annotated[float, typer.Option(help="Start of the part to use, in seconds.")] = 0.0
    end: Annotated[
        float | None, typer.Option(help="End of the part to use, in seconds.", show_default=False)
    ] = None
    mirror: Annotated[
        bool, typer.Option("--mirror", help="Mirror the motion: exchange left and right.")
    ] = False
    smooth: Annotated[
        float | None,
        typer.Option(
            help="Smooth over time with a Gaussian of this standard deviation, in seconds.",
            show_default=False,
        ),
    ] = None
    loop: Annotated[
        int,
        typer.Option(
            help="Repeat the motion this many times; each repetition "
            "starts where the previous one ended."
        ),
    ] = 1
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Remove the movement over the floor.")
    ] = False
    fps: Annotated[
        float | None,
        typer.Option(help="Resample to this many frames per second.", show_default=False),
    ] = None

    def made(self, motion: Motion) -> Motion:
        """The motion cut, changed and resampled.

        Raises:
            UserError: An option does not fit the motion.
        """
        from avatar_kit.io.motion import editing
        from avatar_kit.io.motion.values import checked_rate

        motion = editing.trimmed(motion, self.start, self.end)
        motion = editing.mirrored(motion) if self.mirror else motion
        motion = motion if self.smooth is None else editing.smoothed(motion, self.smooth)
        motion = editing.looped(motion, self.loop)
        motion = editing.in_place(motion) if self.in_place else motion
        return motion if self.fps is None else motion.resample(checked_rate(self.fps, "--fps"))


@app.callback()
def root() -> None:
    """Inspect, convert and preview motion files."""


@app.command("info", cls=Checked)
@grouped
def info(
    file: File,
    reading: MotionReading = MotionReading(),
    clip: Clip = None,
    as_json: AsJson = False,
) -> None:
    """Print the contents of a motion file, how it is interpreted, and possible problems.

    [dim]avatar-kit motion info dance.glb[/dim]
    """
    import json

    from rich.console import Console

    from avatar_kit.api.motion_facts import motion_facts

    facts = motion_facts(file, clip, reading.checked())
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    say = sayer(Console())
    for name, value in facts.items():
        for item in value if isinstance(value, list) else [value]:
            say(f"{name}: {item}")


@app.command("convert", cls=Checked)
@grouped
def convert(
    file: File,
    out: Out,
    reading: DrivingOptions = DrivingOptions(),
    edits: Edits = Edits(),
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="Format: ours (.npz), amass (.npz), bvh. Default: by the suffix of --out.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a motion as our npz, AMASS npz or BVH; resample, cut, loop, mirror or smooth it.

    [dim]avatar-kit motion convert dance.glb --out dance.npz --fps 30 --start 2 --end 8[/dim]

    [dim]avatar-kit motion convert dance.bvh --to amass --out dance.npz[/dim]
    """
    from rich.console import Console

    say = sayer(Console())
    write = _writer(out, to)
    motion = edits.made(reading.read(file, say))
    lost = write(motion)
    say(f"{out}: {len(motion)} frames at {motion.fps:g} fps{lost}")


@app.command("preview", cls=Checked)
@grouped
def preview(
    file: File,
    out: Out,
    body: Annotated[
        str | None,
        typer.Option(
            "--body",
            metavar="NAME",
            help="Show a body instead of the skeleton: its name (avatar-kit plugins), or default.",
            show_default=False,
        ),
    ] = None,
    reading: DrivingOptions = DrivingOptions(),
    edits: Edits = Edits(),
) -> None:
    """Write a video of the skeleton or a body (.mp4, .webm, .gif); left is blue, right orange.

    [dim]avatar-kit motion preview dance.bvh --out dance.mp4[/dim]

    [dim]avatar-kit motion preview dance.bvh --body default --out dance.mp4[/dim]
    """
    from rich.console import Console

    from avatar_kit.api.motion_film import write_film

    say = sayer(Console())
    motion = edits.made(reading.read(file, say))
    say(f"{out}: {write_film(out, motion, body)} pictures")


@app.command("plot", cls=Checked)
@grouped
def plot(
    file: File,
    out: Out,
    reading: MotionReading = MotionReading(),
    clip: Clip = None,
    edits: Edits = Edits(),
) -> None:
    """Write one picture with the poses in order, the height of the feet, and the speed.

    [dim]avatar-kit motion plot dance.bvh --out dance.png[/dim]
    """
    from rich.console import Console

    from avatar_kit.api.motion import read_motion
    from avatar_kit.api.motion_film import write_plot

    if out.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise UserError(f"{out}: a plot is a .png or .jpg file")
    say = sayer(Console())
    motion = edits.made(read_motion(file, clip, options=reading.checked(), say=say))
    contacts = write_plot(out, motion, f"{file.name}, {len(motion)} frames at {motion.fps:g} fps")
    say(f"{out}: planted feet slide by {100 * contacts.skating:.1f} cm/s")


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
        return "; without the expressions of the face" if shown and name != "ours" else ""

    return write
