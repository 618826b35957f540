"""``avatar-kit render``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avatar_kit.errors import UserError

if TYPE_CHECKING:
    from avatar_kit.scene import Motion

HELP = """Drive a trained avatar with a motion file or a video.

[dim]avatar-kit render runs/ram-studio-... --motion walk.npz --out walk.mp4[/dim]

[dim]avatar-kit render runs/ram-studio-... --motion dancer.mp4 --out dance.mp4[/dim]   tracks the
dancer first (needs the extra  track)
"""

VIDEOS = {".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v"}


def render(
    run: Annotated[Path, typer.Argument(help="Run folder.", show_default=False)],
    motion: Annotated[
        Path,
        typer.Option(
            "--motion",
            help="Motion to drive with: .npz (ours, AMASS, SMPL, SMPL-X), .bvh, or a video.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Video to write (.mp4).")] = Path(
        "avatar.mp4"
    ),
    clip: Annotated[
        str | None,
        typer.Option(
            "--clip",
            help="Name or number of a clip, where the file has several.",
            show_default=False,
        ),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option("--fps", help="Frame rate; left out: the capture's.", show_default=False),
    ] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Keep the avatar in the middle of the picture.")
    ] = False,
    frames: Annotated[
        int | None,
        typer.Option("--frames", help="At most this many frames.", show_default=False),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Drive an avatar."""
    import time

    from rich.console import Console
    from rich.progress import track

    from avatar_kit.engine.driving import place, write_motion_video
    from avatar_kit.engine.loaded import load_avatar
    from avatar_kit.engine.run import RunFolder
    from avatar_kit.io.motion import load_motion

    console = Console()
    folder = RunFolder.open(run)
    if not motion.exists():
        raise UserError(f"{motion}: no such motion file")
    if out.suffix.lower() != ".mp4":
        raise UserError(f"{out}: the output must be an .mp4 file")
    driving = _load(motion, clip)
    loaded = load_avatar(folder, device=device)
    rate = fps or loaded.subject.fps
    if rate != driving.fps:
        console.print(f"{motion.name}: {driving.fps:g} fps, resampled to {rate:g}")
        driving = driving.resample(rate)
    driving = driving[: frames or len(driving)]
    training = load_motion(folder.root / "training_motion.npz")
    aligned = loaded.avatar.aligner.align(driving)
    placed = place(loaded, aligned, training, in_place=in_place)
    started = time.perf_counter()
    work = write_motion_video(loaded, placed, out)
    for _ in track(work, "render", total=len(placed), console=console, transient=True):
        pass
    pace = len(placed) / (time.perf_counter() - started)
    console.print(f"{out}: {len(placed)} frames, {pace:.1f} frames/s", highlight=False)


def _load(path: Path, clip: str | None) -> Motion:
    from avatar_kit.io.motion import load_motion

    if path.suffix.lower() in VIDEOS:
        from avatar_kit.tracking import track_motion

        return track_motion(path)
    return load_motion(path, clip=clip)
