"""``avatar-kit licences``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from avatar_kit.cli.options import AsJson

HELP = """List the code, models, data and weights in a run, and what their licences allow.

[dim]avatar-kit licences runs/splat-me-...[/dim]

The list repeats what the publishers state. It is not legal advice.
"""


def licences(
    run: Annotated[Path, typer.Argument(help="Run folder.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """List licences."""
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from avatar_kit.engine.licences import ingredients
    from avatar_kit.engine.run import RunFolder

    found = ingredients(RunFolder.open_person(run))
    if as_json:
        typer.echo(json.dumps([asdict(part) for part in found], indent=1))
        return
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    for column in ("sort", "what", "did", "licence", "commercial use"):
        table.add_column(column)
    colour = {"yes": "green", "no": "red", "ask": "yellow"}
    for part in found:
        said = f"[{colour[part.commercial]}]{part.commercial}[/]"
        table.add_row(part.sort, escape(part.name), escape(part.role), escape(part.licence), said)
    console = Console()
    console.print(table)
    for answer, says in (("no", "forbid commercial use"), ("ask", "leave it open: ask")):
        names = [part.name for part in found if part.commercial == answer]
        if names:
            console.print(f"{says}: {', '.join(names)}", highlight=False, markup=False)
