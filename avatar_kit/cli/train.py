"""``avatar-kit train``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avatar_kit.cli.options import (
    Captures,
    ConfigFile,
    Overrides,
    Preset,
    default_preset,
    people_values,
)
from avatar_kit.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from avatar_kit.engine.trainer import Training

HELP = """Train an avatar, evaluate it, and write pictures of it.

[dim]avatar-kit train --method ram[/dim]   the embedded capture, a few minutes on a laptop

[dim]avatar-kit train --method ram --data captures/me --preset light[/dim]

[dim]avatar-kit train --resume runs/ram-me-...[/dim]   go on where it stopped
"""


def train(
    overrides: Overrides = None,
    method: Annotated[
        str | None,
        typer.Option("--method", "-m", help="Method to train, e.g. ram.", show_default=False),
    ] = None,
    preset: Preset = None,
    data: Captures = None,
    config: ConfigFile = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Run folder; left out: runs/METHOD-CAPTURE-TIME.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", help="Run folder to go on with.", show_default=False),
    ] = None,
) -> None:
    """Train an avatar."""
    from rich.console import Console

    from avatar_kit.config import parse_overrides

    console = Console()
    values = parse_overrides(overrides or [])
    if resume is not None:
        given = {"--method": method, "--preset": preset, "--data": data, "--config": config}
        extra = [name for name, value in {**given, "--out": out}.items() if value]
        if extra:
            raise UserError(f"--resume takes everything from the run; drop {' '.join(extra)}")
        training = _resume(resume, values, console)
    else:
        training = _start(method, preset, data, config, out, values, console)
    _run(training, console)


def _start(
    method: str | None,
    preset: str | None,
    data: list[str] | None,
    file: Path | None,
    out: Path | None,
    values: dict[str, Any],
    console: Console,
) -> Training:
    from avatar_kit.config import load_yaml, resolve_method
    from avatar_kit.registry import catalog

    name = method or (load_yaml(file).get("type") if file else None)
    if not name:
        example = catalog().default("method")
        raise UserError(f"which method? for example  avatar-kit train --method {example}")
    fallback, why = default_preset(name)
    layered = resolve_method(
        name,
        preset=preset,
        file=file,
        overrides={**people_values(data), **values},
        default_preset=fallback,
    )
    if why and layered.config.preset == fallback and preset != fallback:
        console.print(f"[yellow]{why}[/]")
    from avatar_kit.engine.describing import describe
    from avatar_kit.engine.people import open_views
    from avatar_kit.engine.run import RunFolder
    from avatar_kit.engine.trainer import set_up

    if out is not None and out.exists():
        RunFolder.create(out)  # refuse a used folder before any work is done
    views = open_views(layered.config)
    run_path = out or RunFolder.default_path(name, "-".join(v.capture.name for v in views))
    training = set_up(layered.config, RunFolder(run_path), *views)
    RunFolder.create(run_path)  # only now: what cannot be set up leaves no folder behind
    describe(training)
    return training


def _resume(root: Path, values: dict[str, Any], console: Console) -> Training:
    from avatar_kit.engine import checkpoint as ckpt
    from avatar_kit.engine.people import check_unchanged, open_views
    from avatar_kit.engine.run import RunFolder
    from avatar_kit.engine.trainer import restore, set_up, structural_changes

    run = RunFolder.open(root)
    saved = run.read_config()
    config = run.read_config({"stop_at": None, **values})
    structural, other = structural_changes(saved, config)
    if structural:
        raise UserError(
            f"{root}: a resumed run must keep {', '.join(structural)}; start a new run instead"
        )
    before, after = saved.model_dump(mode="json"), config.model_dump(mode="json")
    for key in other:
        console.print(f"changed: {key}: {before[key]} -> {after[key]}", highlight=False)
    found, damaged = ckpt.latest_checkpoint(run.checkpoints)
    for line in damaged:
        console.print(f"[yellow]passed over: {line}[/]", highlight=False)
    views = open_views(config)
    check_unchanged(run, views)
    training = set_up(config, run, *views, fit=False)
    restore(training, found)
    run.write_config(config)
    console.print(f"going on at step {training.step} of {config.steps}")
    return training


def _run(training: Training, console: Console) -> None:
    from avatar_kit.cli import report
    from avatar_kit.engine.people import finished
    from avatar_kit.engine.progress import Progress
    from avatar_kit.engine.trainer import train as run_loop

    console.print(report.opening(training))
    done = run_loop(training, Progress(console))
    root = training.run.root
    if not done:
        console.print(
            f"saved at step {training.step}; go on with  [bold]avatar-kit train --resume {root}[/]",
            highlight=False,
        )
        return
    for person in finished(training):
        result = report.evaluate_and_preview(training, person, console)
        report.show(result, person.run.root, console)
