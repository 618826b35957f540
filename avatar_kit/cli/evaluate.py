"""``avatar-kit eval``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from avatar_kit.cli.align import sayer
from avatar_kit.cli.options import AsJson, Data
from avatar_kit.cli.signing import Certificate, Key, Sign, chosen_signer

HELP = """Evaluate a run again on its held-out splits, and compare it with two baselines.

[dim]avatar-kit eval runs/ram-studio-...[/dim]
"""


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder.", show_default=False)],
    data: Data = None,
    step: Annotated[
        int | None,
        typer.Option(
            "--step",
            help="Step of the checkpoint to evaluate. Default: the last.",
            show_default=False,
        ),
    ] = None,
    sign: Sign = False,
    certificate: Certificate = None,
    key: Key = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Evaluate a run."""
    import json

    from rich.console import Console

    from avatar_kit.cli import tables
    from avatar_kit.cli.progress import evaluation_bar
    from avatar_kit.engine.choosing import data_values
    from avatar_kit.engine.results import measure, reopened

    console = Console(stderr=as_json)
    signer = chosen_signer(sign, certificate, key, sayer(console))
    loaded, view, config = reopened(run, data_values(data, "--data"), step, device)
    with evaluation_bar(view, config, console) as observe:
        result = measure(
            loaded.avatar,
            view,
            config,
            loaded.run,
            step=loaded.step,
            seconds=loaded.seconds,
            returns=loaded.returns,
            observe=observe,
            signer=signer,
        )
    if as_json:
        typer.echo(json.dumps(result, indent=1))
    else:
        tables.show(result, loaded.run.root, console)
