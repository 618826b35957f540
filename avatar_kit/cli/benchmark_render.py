"""``avatar-kit benchmark render``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from avatar_kit.cli.align import Device, Run
from avatar_kit.cli.options import AsJson

if TYPE_CHECKING:
    from avatar_kit.engine.loaded import LoadedAvatar

HELP = """Time the stages of a driven frame of an avatar, from the pose to an encoded picture.

[dim]avatar-kit benchmark render runs/ram-studio-... --threads 2[/dim]

Other work on the machine can only increase the time, so the best round is closest to an idle
machine.
"""


def render(
    run: Run,
    poses: Annotated[
        int,
        typer.Option("--poses", min=1, max=1000, help="Number of training poses, evenly spread."),
    ] = 5,
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, max=10_000, help="How often each pose is drawn.")
    ] = 20,
    threads: Annotated[
        int | None,
        typer.Option("--threads", min=1, max=1024, help="CPU threads.", show_default=False),
    ] = None,
    as_json: AsJson = False,
    device: Device = "auto",
) -> None:
    """Time a driven frame."""
    import json

    import torch
    from rich.console import Console

    from avatar_kit.engine.loaded import load_avatar
    from avatar_kit.engine.pace import frame_stages
    from avatar_kit.engine.run import RunFolder

    if threads is not None:
        torch.set_num_threads(threads)
    loaded = load_avatar(RunFolder.open_person(run), device=device)
    motion = loaded.training_motion
    count = min(poses, len(motion))
    chosen = motion[[round(i * (len(motion) - 1) / max(1, count - 1)) for i in range(count)]]
    found = frame_stages(loaded, chosen, rounds)
    about = _about(loaded, count, rounds)
    if as_json:
        stages = {name: {"best": p.best, "median": p.median} for name, p in found.items()}
        print(json.dumps({**about, "milliseconds": stages}, indent=1))
        return
    Console().print(_table(found, about))


def _about(loaded: LoadedAvatar, poses: int, rounds: int) -> dict[str, Any]:
    import torch

    camera = loaded.subject.camera
    return {
        "run": str(loaded.run.root),
        "method": loaded.config.type,
        "preset": loaded.config.preset,
        "size": [camera.width, camera.height],
        "device": str(loaded.device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "poses": poses,
        "rounds": rounds,
    }


def _table(found: dict[str, Any], about: dict[str, Any]) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    width, height = about["size"]
    title = (
        f"{about['method']}, {width}x{height}, {about['device']}, {about['threads']} threads, "
        f"{about['poses']} poses, {about['rounds']} rounds"
    )
    table = Table(box=SIMPLE_HEAD, show_edge=False, title=title, title_justify="left")
    table.add_column("stage", no_wrap=True)
    for name in ("best, ms", "median, ms", "share"):
        table.add_column(name, justify="right")
    whole = found["frame"].best
    for name, pace in found.items():
        cells = (f"{pace.best:.1f}", f"{pace.median:.1f}", f"{pace.best / whole:.0%}")
        table.add_row(name, *cells, style="bold" if name == "frame" else "")
    return table
