"""``avatar-kit models``: list, get, add."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avatar_kit.cli.given import Checked
from avatar_kit.cli.options import AsJson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from avatar_kit.io.model_files import ModelFile
    from avatar_kit.registry import Component

app = typer.Typer(
    help="Manage the model files that components require, or use if you add them.",
    epilog="Start with:  avatar-kit models list",
)


@app.callback(invoke_without_command=True)
def models(context: typer.Context) -> None:
    """List the models where nothing else is said."""
    if context.invoked_subcommand is None:
        list_models()


@app.command("list", cls=Checked)
def list_models(as_json: AsJson = False) -> None:
    """List the known model files: purpose, components, size, licence, whether installed."""
    import json

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    from avatar_kit.registry import catalog

    if as_json:
        typer.echo(json.dumps([_facts(model, users) for model, users in catalog().models()]))
        return
    table = Table(Column("model", no_wrap=True), "what for", "MB", "licence", "here")
    for model, users in catalog().models():
        needy = [f"; {c.kind} {c.name} needs it" for c in users if model in c.config.needs]
        purpose = model.purpose + "".join(needy)
        here = "[green]yes[/]" if model.here() else "no"
        size = f"{model.size / 1e6:.1f}"
        table.add_row(escape(model.name), escape(purpose), size, escape(model.licence), here)
    Console().print(table)


def _facts(model: ModelFile, users: Sequence[Component]) -> dict[str, Any]:
    return {
        "name": model.name,
        "purpose": model.purpose,
        "bytes": model.size,
        "licence": model.licence,
        "here": model.here(),
        "needed_by": [f"{c.kind} {c.name}" for c in users if model in c.config.needs],
    }


@app.command("get", cls=Checked)
def get(
    names: Annotated[
        list[str], typer.Argument(help="Names of models from  avatar-kit models list.")
    ],
) -> None:
    """Download models from their publishers and check their sha256.

    [dim]avatar-kit models get face_landmarker.task[/dim]
    """
    from rich.console import Console

    from avatar_kit.io.model_files import find_model
    from avatar_kit.registry import catalog

    known = [m for m, _ in catalog().models()]
    console = Console()
    for model in [find_model(name, known) for name in names]:
        text = (
            f"{model.genuine()}: already installed" if model.here() else _downloaded(model, console)
        )
        console.print(text, soft_wrap=True, highlight=False)


def _downloaded(model: ModelFile, console: Console) -> str:
    from rich.progress import Progress

    from avatar_kit.io.model_files import get_model

    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(model.name, total=model.size)
        path = get_model(model, lambda done: bar.update(task, completed=done))
    return f"{path}: {model.purpose}"


@app.command("add", cls=Checked)
def add(
    file: Annotated[
        Path, typer.Argument(help="A file that you have; its sha256 identifies the model.")
    ],
) -> None:
    """Add a model file that you have, e.g. on a machine without a network.

    [dim]avatar-kit models add ~/Downloads/face_landmarker.task[/dim]
    """
    from rich.console import Console

    from avatar_kit.io.model_files import add_model
    from avatar_kit.registry import catalog

    model = add_model(file, [m for m, _ in catalog().models()])
    Console().print(f"{model.path}: {model.purpose}", soft_wrap=True, highlight=False)
