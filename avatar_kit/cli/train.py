"""``avatar-kit train``."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avatar_kit.cli.align import sayer
from avatar_kit.cli.devices import check_devices, train_on, without_devices
from avatar_kit.cli.options import Captures, ConfigFile, Overrides, Preset
from avatar_kit.cli.signing import Certificate, Key, Sign, chosen_signer
from avatar_kit.cli.viewing import beside, check_installed
from avatar_kit.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from avatar_kit.config import MethodConfig
    from avatar_kit.engine.setting_up import Training
    from avatar_kit.engine.starting import Resumption
    from avatar_kit.io.signing import Signer

HELP = """Train an avatar, evaluate it, and write pictures of it.

[dim]avatar-kit train --method ram[/dim]   the embedded capture, a few minutes on a laptop

[dim]avatar-kit train --method ram --data captures/me --preset light[/dim]

[dim]avatar-kit train --resume runs/ram-me-...[/dim]   continue an interrupted run

[dim]avatar-kit train --method ram --out runs/me --resume auto[/dim]   start or continue
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
            help="Run folder. Default: runs/METHOD-CAPTURE-TIME.",
            show_default=False,
        ),
    ] = None,
    consent: Annotated[
        str | None,
        typer.Option(
            "--consent",
            help="What the person agreed to; stored with the avatar and in its pictures.",
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
    devices: Annotated[
        int,
        typer.Option(
            "--devices",
            min=1,
            help="Number of processes that train the avatar together, one per GPU of this machine.",
        ),
    ] = 1,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            metavar="RUN",
            help="Run folder to continue. With --out, auto starts a run in that folder or "
            "continues it.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Train an avatar."""
    from avatar_kit.cli.progress import PatientConsole
    from avatar_kit.config import parse_overrides
    from avatar_kit.engine.ranks import joined
    from avatar_kit.engine.starting import follow, lead
    from avatar_kit.engine.stopping import ended_by_schedulers

    if watch:
        check_installed()
    if devices > 1:
        check_devices(devices)
        raise typer.Exit(train_on(devices, without_devices(sys.argv[1:])))
    console = PatientConsole()
    signer = chosen_signer(sign, certificate, key, sayer(console))
    values = parse_overrides(overrides or [])
    if consent is not None:
        values["consent"] = consent
    asked = Asked(method, preset, data, config, values)
    with ended_by_schedulers(), joined() as ranks:
        if ranks.first:
            training = lead(_set_up(asked, out, resume, console), ranks)
        else:
            training = follow(ranks)
        if training is None:
            return
        with beside(training.run.root) if watch and ranks.first else contextlib.nullcontext():
            _run(training, console, signer)


def _set_up(
    asked: Asked, out: Path | None, resume: str | None, console: Console
) -> Training | None:
    """None where nothing is left to do."""
    if resume is None:
        return _start(asked, out, console)
    if resume == "auto":
        return _start_or_resume(asked, out, console)
    if extra := asked.named() + (["--out"] if out else []):
        raise UserError(f"--resume RUN uses all values of the run; omit {' '.join(extra)}")
    return _go_on(_resumption(Path(resume), asked.values, console), console)


@dataclass(frozen=True)
class Asked:
    """What the options say of a training."""

    method: str | None
    preset: str | None
    data: list[str] | None
    file: Path | None
    values: dict[str, Any]

    def named(self) -> list[str]:
        """The options that were given, without single values."""
        given = {
            "--method": self.method,
            "--preset": self.preset,
            "--data": self.data,
            "--config": self.file,
        }
        return [name for name, value in given.items() if value]

    def laid(self) -> dict[str, Any]:
        """All of it as nested config values."""
        from avatar_kit.engine.choosing import all_values

        return all_values(
            self.method, self.preset, self.data, self.values, self.file, called="--data"
        )


def _start_or_resume(asked: Asked, out: Path | None, console: Console) -> Training | None:
    """None where nothing is left to do."""
    from avatar_kit.engine.run import RunFolder
    from avatar_kit.engine.starting import start_again

    if out is None:
        raise UserError("--resume auto needs the run folder:  --out RUN --resume auto")
    run = RunFolder(out)
    if run.ended_early():
        say = "starting again: the previous run in this folder ended before its first checkpoint"
        console.print(say, highlight=False)
        if run.has_config() and not (asked.method or asked.file):
            return start_again(run.read_config(asked.laid()), out)
        return start_again(_config(asked, console), out)
    if not run.has_config():
        return _start(asked, out, console)
    found = _resumption(out, asked.laid(), console)
    if not found.is_done:
        return _go_on(found, console)
    found.claim.release()
    steps = found.checkpoint.step
    console.print(f"{out}: all {steps} steps are done and evaluated", highlight=False)
    return None


def _start(asked: Asked, out: Path | None, console: Console) -> Training:
    from avatar_kit.engine.starting import start

    return start(_config(asked, console), out)


def _config(asked: Asked, console: Console) -> MethodConfig:
    from avatar_kit.config import load_yaml, resolve_method
    from avatar_kit.engine.choosing import default_preset, with_data
    from avatar_kit.registry import catalog

    name = asked.method or (load_yaml(asked.file).get("type") if asked.file else None)
    if not name:
        example = catalog().default("method")
        raise UserError(f"which method? for example  avatar-kit train --method {example}")
    fallback, why = default_preset(name)
    layered = resolve_method(
        name,
        preset=asked.preset,
        file=asked.file,
        overrides=with_data(asked.data, asked.values, "--data"),
        default_preset=fallback,
    )
    if why and layered.config.preset == fallback and asked.preset != fallback:
        console.print(f"[yellow]{why}[/]", highlight=False)
    return layered.config


def _resumption(root: Path, values: dict[str, Any], console: Console) -> Resumption:
    from avatar_kit.engine.starting import resumption

    found = resumption(root, values)
    for key, (before, now) in found.changed.items():
        console.print(f"changed: {key}: {before} -> {now}", highlight=False)
    for line in found.damaged:
        console.print(f"[yellow]skipped: {line}[/]", highlight=False)
    return found


def _go_on(found: Resumption, console: Console) -> Training:
    training = found.start()
    console.print(f"continuing at step {training.step} of {training.config.steps}")
    return training


def _run(training: Training, console: Console, signer: Signer | None) -> None:
    from avatar_kit.cli import tables
    from avatar_kit.cli.progress import TerminalProgress, evaluation_bar
    from avatar_kit.engine.people import finished
    from avatar_kit.engine.results import measure_person
    from avatar_kit.engine.stopping import exit_code
    from avatar_kit.engine.trainer import train as run_loop

    if training.ranks.first:
        console.print(tables.opening(training))
        count, before = training.ranks.count, training.processes_before
        if before not in (None, count):
            console.print(
                f"[yellow]processes of this run: {before} so far, {count} from now on; the "
                "result will differ from that of a constant number[/]",
                highlight=False,
            )
    done = run_loop(training, TerminalProgress(console))
    if not training.ranks.first:
        if not done:
            raise typer.Exit(exit_code(training.stopped_by) if training.stopped_by else 0)
        for person in finished(training):
            measure_person(training, person)
        return
    root = training.run.root
    if not done:
        line = f"saved at step {training.step}; continue with  avatar-kit train --resume {root}"
        with contextlib.suppress(OSError):  # of a terminal that was closed
            console.print(line, highlight=False, soft_wrap=True)
        if training.stopped_by is not None:
            raise typer.Exit(exit_code(training.stopped_by))
        return
    for person in finished(training):
        with evaluation_bar(person.view, training.config, console) as observe:
            result = measure_person(training, person, observe, signer)
        if len(training.people) > 1:
            console.rule(person.name, align="left")
        tables.show(result, person.run.root, console)
