"""``avatar-kit train``."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avatar_kit.cli.align import sayer
from avatar_kit.cli.options import Captures, ConfigFile, Overrides, Preset
from avatar_kit.cli.signing import Certificate, Key, Sign, chosen_signer
from avatar_kit.cli.viewing import beside, check_installed
from avatar_kit.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from avatar_kit.engine.setting_up import Training
    from avatar_kit.io.signing import Signer

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
    consent: Annotated[
        str | None,
        typer.Option(
            "--consent",
            help="What the person agreed to; kept with the avatar and in its pictures.",
            show_default=False,
        ),
    ] = None,
    sign: Sign = False,
    certificate: Certificate = None,
    key: Key = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Show the newest checkpoint on a page; needs the extra view."),
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", help="Run folder to go on with.", show_default=False),
    ] = None,
) -> None:
    """Train an avatar."""
    from rich.console import Console

    from avatar_kit.config import parse_overrides

    if watch:
        check_installed()
    console = Console()
    signer = chosen_signer(sign, certificate, key, sayer(console))
    values = parse_overrides(overrides or [])
    if consent is not None:
        values["consent"] = consent
    if resume is not None:
        given = {"--method": method, "--preset": preset, "--data": data, "--config": config}
        extra = [name for name, value in {**given, "--out": out}.items() if value]
        if extra:
            raise UserError(f"--resume takes everything from the run; drop {' '.join(extra)}")
        training = _resume(resume, values, console)
    else:
        training = _start(method, preset, data, config, out, values, console)
    with beside(training.run.root) if watch else contextlib.nullcontext():
        _run(training, console, signer)


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
    from avatar_kit.engine.choosing import default_preset, with_data
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
        overrides=with_data(data, values, "--data"),
        default_preset=fallback,
    )
    if why and layered.config.preset == fallback and preset != fallback:
        console.print(f"[yellow]{why}[/]")
    from avatar_kit.engine.starting import start

    return start(layered.config, out)


def _resume(root: Path, values: dict[str, Any], console: Console) -> Training:
    from avatar_kit.engine.starting import resumption

    found = resumption(root, values)
    for key, (before, now) in found.changed.items():
        console.print(f"changed: {key}: {before} -> {now}", highlight=False)
    for line in found.damaged:
        console.print(f"[yellow]passed over: {line}[/]", highlight=False)
    training = found.start()
    console.print(f"going on at step {training.step} of {training.config.steps}")
    return training


def _run(training: Training, console: Console, signer: Signer | None) -> None:
    from avatar_kit.cli import tables
    from avatar_kit.cli.progress import TerminalProgress, evaluation_bar
    from avatar_kit.engine.people import finished
    from avatar_kit.engine.results import measure_person
    from avatar_kit.engine.trainer import train as run_loop

    console.print(tables.opening(training))
    done = run_loop(training, TerminalProgress(console))
    root = training.run.root
    if not done:
        console.print(
            f"saved at step {training.step}; go on with  [bold]avatar-kit train --resume {root}[/]",
            highlight=False,
        )
        return
    for person in finished(training):
        with evaluation_bar(person.view, training.config, console) as observe:
            result = measure_person(training, person, observe, signer)
        if len(training.people) > 1:
            console.rule(person.name, align="left")
        tables.show(result, person.run.root, console)
