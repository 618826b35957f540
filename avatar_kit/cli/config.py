"""``avatar-kit config``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from avatar_kit.cli.given import Checked
from avatar_kit.cli.options import Captures, ConfigFile, Overrides, Preset

app = typer.Typer(help="Print configs.", no_args_is_help=True)


@app.command("show", cls=Checked)
def show(
    overrides: Overrides = None,
    method: Annotated[
        str | None,
        typer.Option(
            "--method", "-m", help="Method. Default: the default method.", show_default=False
        ),
    ] = None,
    preset: Preset = None,
    data: Captures = None,
    config: ConfigFile = None,
) -> None:
    """Print every config value of a training, and where it comes from.

    [dim]avatar-kit config show --method ram --preset light steps=2000[/dim]
    """
    from rich.console import Console
    from rich.table import Table

    from avatar_kit.config import parse_overrides, resolve_method
    from avatar_kit.engine.choosing import default_preset, with_data
    from avatar_kit.registry import catalog

    method = method or catalog().default("method")
    layered = resolve_method(
        method,
        preset=preset,
        file=config,
        overrides=with_data(data, parse_overrides(overrides or []), "--data"),
        default_preset=default_preset(method)[0],
    )
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("key")
    table.add_column("value")
    table.add_column("from", style="dim")
    for key, value in flatten(layered.config.model_dump(mode="json")):
        origin = layered.origins.get(key, "default")
        table.add_row(key, str(value), "" if origin == "default" else origin)
    Console().print(table)


def flatten(values: dict[str, Any], at: str = "") -> list[tuple[str, Any]]:
    """Nested values as (dotted key, plain value)."""
    rows: list[tuple[str, Any]] = []
    for key, value in values.items():
        path = f"{at}.{key}" if at else key
        if isinstance(value, dict) and value:
            rows += flatten(value, path)
        else:
            rows.append((path, value))
    return rows
