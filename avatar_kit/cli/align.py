"""``avatar-kit align``, and the options of alignment that ``render`` shares."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avatar_kit.cli.grouped import grouped
from avatar_kit.cli.motion_options import DrivingOptions
from avatar_kit.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from avatar_kit.engine.aligning import Say

HELP = """Bring a motion closer to what an avatar was trained on, and write it as a motion file.

[dim]avatar-kit align runs/ram-studio-... --motion flip.npz --align mda --out flip-aligned.npz[/dim]

An aligner other than the avatar's own is first fitted to the training poses.
"""

Run = Annotated[Path, typer.Argument(help="Run folder.", show_default=False)]
DrivingFile = Annotated[
    Path,
    typer.Option(
        "--motion",
        help="Motion that drives the avatar: .npz, .bvh, .glb, .fbx and others (docs: formats), "
        "or a video.",
        show_default=False,
    ),
]
AlignerName = Annotated[
    str | None,
    typer.Option(
        "--align",
        help="Aligner to use (see  avatar-kit plugins); none leaves the motion unchanged. "
        "Default: the avatar's own.",
        show_default=False,
    ),
]
Strength = Annotated[
    float,
    typer.Option(
        "--align-strength",
        help="Strength of the aligner: 0 leaves the motion unchanged, 1 aligns it completely.",
    ),
]
AlignerValues = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="Config values of the aligner, e.g. prior=prior.safetensors.",
        show_default=False,
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]


@grouped
def align(
    run: Run,
    motion: DrivingFile,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Motion to write (.npz).", show_default=False)
    ],
    values: AlignerValues = None,
    reading: DrivingOptions = DrivingOptions(),
    name: AlignerName = None,
    strength: Strength = 1.0,
    device: Device = "auto",
) -> None:
    """Align a motion."""
    from rich.console import Console

    from avatar_kit.config import parse_overrides
    from avatar_kit.engine import aligning
    from avatar_kit.engine.loaded import load_avatar
    from avatar_kit.engine.run import RunFolder
    from avatar_kit.io.motion import save_motion

    console = Console()
    folder = RunFolder.open_person(run)
    if out.suffix.lower() != ".npz":
        raise UserError(f"{out}: the output must be an .npz file")
    alignment = aligning.Alignment(name, parse_overrides(values or []), strength)
    driving = reading.read(motion, sayer(console))
    loaded = load_avatar(folder, device=device)
    aligning.check_strength(strength, "--align-strength")
    aligned = aligning.align(loaded, driving, alignment, sayer(console))
    save_motion(out, aligned.motion)
    before, after = aligning.training_distances(folder, aligned)
    console.print(
        f"mean distance to the 5 nearest training poses (joint angles): {before:.1f} degrees "
        f"before, {after:.1f} degrees after",
        highlight=False,
        soft_wrap=True,
    )
    frames, fps = len(aligned.motion), aligned.motion.fps
    console.print(f"{out}: {frames} frames at {fps:g} fps", highlight=False, soft_wrap=True)


def sayer(console: Console) -> Say:
    """What prints a line for a person, as it is."""
    return lambda line: console.print(line, highlight=False, soft_wrap=True, markup=False)
