"""``avatar-kit models``: list, get, add."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Model files that make components better and that you may add.",
    epilog="Start with:  avatar-kit models list",
)


@app.callback(invoke_without_command=True)
def models(context: typer.Context) -> None:
    """List the models where nothing else is said."""
    if context.invoked_subcommand is None:
        list_models()


@app.command("list")
def list_models() -> None:
    """List the model files that components know: what for, size, licence, here or not."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    from avatar_kit.registry import catalog

    table = Table(Column("model", no_wrap=True), "what for", "MB", "licence", "here")
    for model, _ in catalog().models():
        here = "[green]yes[/]" if model.here() else "no"
        size = f"{model.size / 1e6:.1f}"
        table.add_row(escape(model.name), escape(model.purpose), size, escape(model.licence), here)
    Console().print(table)


@app.command("get")
def get(name: Annotated[str, typer.Argument(help="A model of the list.")]) -> None:
    """Download a model from its publisher and check its sha256.

    [dim]avatar-kit models get face_landmarker.task[/dim]
    """
    from rich.console import Console
    from rich.progress import Progress

    from avatar_kit.io.model_files import find_model, get_model
    from avatar_kit.registry import catalog

    console = Console()
    model = find_model(name, [m for m, _ in catalog().models()])
    if model.here():
        console.print(f"{model.genuine()}: already here", soft_wrap=True, highlight=False)
        return
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(model.name, total=model.size)
        path = get_model(model, lambda done: bar.update(task, completed=done))
    console.print(f"{path}: {model.purpose}", soft_wrap=True, highlight=False)


@app.command("add")
def add(
    file: Annotated[Path, typer.Argument(help="A file you have; its sha256 says which it is.")],
) -> None:
    """Keep a model file that you got in another way, e.g. without a network.

    [dim]avatar-kit models add ~/Downloads/face_landmarker.task[/dim]
    """
    from rich.console import Console

    from avatar_kit.io.model_files import add_model
    from avatar_kit.registry import catalog

    model = add_model(file, [m for m, _ in catalog().models()])
    Console().print(f"{model.path}: {model.purpose}", soft_wrap=True, highlight=False)
