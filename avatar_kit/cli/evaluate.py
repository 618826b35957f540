"""``avatar-kit eval``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from avatar_kit.cli.options import Data, data_values

HELP = """Evaluate a run again: its held-out splits, beside two baselines.

[dim]avatar-kit eval runs/ram-studio-...[/dim]
"""


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder.", show_default=False)],
    data: Data = None,
    step: Annotated[
        int | None,
        typer.Option("--step", help="Checkpoint to take; left out: the last.", show_default=False),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Evaluate a run."""
    from rich.console import Console

    from avatar_kit.cli import report
    from avatar_kit.engine.loaded import load_avatar
    from avatar_kit.engine.run import RunFolder
    from avatar_kit.engine.trainer import open_view

    console = Console()
    folder = RunFolder.open_person(run)
    loaded = load_avatar(folder, step=step, device=device)
    config = folder.read_config(data_values(data)) if data else loaded.config
    view = open_view(config)
    result = report.evaluate_run(loaded.avatar, view, config, folder, console)
    report.write_summary(loaded.avatar, view, config, folder, result, loaded.step, loaded.seconds)
    report.show(result, folder.root, console)
