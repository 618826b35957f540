"""``avatar-kit plugins``: list, show, new, check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avatar_kit.cli.given import Checked
from avatar_kit.cli.options import AsJson
from avatar_kit.errors import UserError, near

if TYPE_CHECKING:
    from rich.table import Table

    from avatar_kit.registry import Command, Component, LoadedPlugin

app = typer.Typer(
    help="List plugins, create your own, and check it.",
    epilog="Start with:  avatar-kit plugins new NAME --kind renderer",
)

Name = Annotated[
    str,
    typer.Argument(
        help="Name of a component, a command, or a plugin (everything that it registers)."
    ),
]
Kind = Annotated[
    str | None,
    typer.Option(
        "--kind",
        "-k",
        help="Kind of the component, if several kinds have one of this name.",
        show_default=False,
    ),
]


@app.callback(invoke_without_command=True)
def plugins(context: typer.Context) -> None:
    """List the plugins where nothing else is said."""
    if context.invoked_subcommand is None:
        list_plugins()


@app.command("list", cls=Checked)
def list_plugins(as_json: AsJson = False) -> None:
    """List the plugins, what they register, and which of them failed to load."""
    import json

    from rich.console import Console
    from rich.markup import escape

    from avatar_kit.registry import KINDS
    from avatar_kit.registry import plugins as loaded

    if as_json:
        typer.echo(json.dumps([_facts(plugin) for plugin in loaded()], indent=1))
        return
    table = _table("plugin", "from", "licence", "registers")
    for plugin in loaded():
        if plugin.failure:
            text = f"[red]failed: {escape(plugin.failure)}[/]"
        else:
            kinds = (*KINDS, "command")
            names = {k: [r.name for r in plugin.registered if r.kind == k] for k in kinds}
            text = "\n".join(f"{k}: {', '.join(n)}" for k, n in names.items() if n)
            text += "".join(f"\n[yellow]{escape(note)}[/]" for note in plugin.notes)
        origin = f"{plugin.distribution} {plugin.version}".strip()
        table.add_row(plugin.name, origin, licence(plugin), text)
        table.add_section()
    Console().print(table)


def _facts(plugin: LoadedPlugin) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "licence": licence(plugin),
        "registers": [{"kind": part.kind, "name": part.name} for part in plugin.registered],
        "notes": list(plugin.notes),
        "failure": plugin.failure or None,
    }


@app.command("show", cls=Checked)
def show(name: Name, kind: Kind = None) -> None:
    """Describe a component or a command, and list its config values.

    [dim]avatar-kit plugins show ram[/dim]
    """
    from rich.console import Console
    from rich.markup import escape

    from avatar_kit.registry import Command

    console = Console()
    for plugin, found in find(name, kind):
        origin = f"{plugin.distribution} {plugin.version}".strip()
        facts = {"plugin": f"{plugin.name} ({origin})", "licence": licence(plugin)}
        facts |= {"target": found.target}
        table = _table("key", "default", "description")
        if isinstance(found, Command):
            about = found.help
            facts |= {"options": f"avatar-kit {found.name} --help"}
        else:
            about = " ".join((found.config.__doc__ or "").split("\n\n")[0].split())
            facts |= declared(found)
            for key, default, description in fields(found.config):
                table.add_row(key, escape(default), escape(description))
        console.print(f"[bold]{found.kind} {found.name}[/]  {escape(about)}")
        for fact, value in facts.items():
            console.print(f"  {fact}: {escape(value)}", highlight=False)
        if table.row_count:
            console.print(table)
        console.print()


@app.command("new", cls=Checked)
def new(
    name: Annotated[str, typer.Argument(help="Name of the component, e.g. soft_renderer.")],
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            "-k",
            help="body, encoder, renderer, aligner, method, dataset, tracker, matting, metric or "
            "exporter.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder that will hold the project.")
    ] = Path(),
) -> None:
    """Write a project with a working component: package, conformance test, README, CI.

    [dim]avatar-kit plugins new mine --kind renderer[/dim]
    """
    from rich.console import Console

    from avatar_kit.scaffold import new_project

    root = new_project(name, kind, out)
    console = Console(highlight=False, soft_wrap=True)
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        console.print(f"  {path.relative_to(root)}")
    console.print(f"{root} is ready. Next:")
    console.print(f"  pip install -e {root}")
    console.print(f"  avatar-kit plugins check {name}")


@app.command("check", cls=Checked)
def check(
    name: Name,
    values: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="Config values for the checks: required values, and small sizes. "
            "PART.KEY=VALUE sets a value of one of several parts.",
            show_default=False,
        ),
    ] = None,
    kind: Kind = None,
) -> None:
    """Check whether components and commands meet their contract; exit code 1 if one does not.

    [dim]avatar-kit plugins check mine[/dim]

    [dim]avatar-kit plugins check capture path=captures/me[/dim]

    [dim]avatar-kit plugins check mine mine_data.path=captures/me[/dim]   a value for one of several
    """
    from avatar_kit.cli.checking import check_all
    from avatar_kit.config import parse_overrides

    if not check_all([found for _, found in find(name, kind)], parse_overrides(values or [])):
        raise typer.Exit(1)


def find(name: str, kind: str | None) -> list[tuple[LoadedPlugin, Component | Command]]:
    """The components and commands of a name: those called so, and all of a plugin called so.

    Raises:
        UserError: There is none, or the plugin failed to load.
    """
    from avatar_kit.registry import KINDS
    from avatar_kit.registry import plugins as loaded

    kinds = (*KINDS, "command")
    if kind is not None and kind not in kinds:
        raise UserError(f"--kind {kind}: unknown; one of {', '.join(kinds)}")
    known: list[str] = []
    found: list[tuple[LoadedPlugin, Component | Command]] = []
    for plugin in loaded():
        known += [plugin.name, *(r.name for r in plugin.registered)]
        if plugin.name == name and plugin.failure:
            raise UserError(f"plugin '{name}' failed to load: {plugin.failure}")
        matching = [r for r in plugin.registered if name in (plugin.name, r.name)]
        found += [(plugin, r) for r in matching if kind in (None, r.kind)]
    if not found:
        what = f"{kind} or plugin" if kind else "component, command or plugin"
        raise UserError(f"no {what} '{name}'{near(name, known) or '; see avatar-kit plugins list'}")
    return found


def licence(plugin: LoadedPlugin) -> str:
    """What the distribution says of its licence; empty for a single file."""
    from avatar_kit.registry.licences import distribution_licence

    return distribution_licence(plugin.distribution)


def declared(component: Component) -> dict[str, str]:
    """What a config class says of its component beside its fields."""
    from avatar_kit.registry import catalog

    found = {}
    if consumes := getattr(component.config, "consumes", None):
        found["consumes"] = ", ".join(sorted(consumes))
    if component.kind == "renderer":
        found["offers"] = _with_defaults(component.config, "offers")
    if component.kind == "method":
        found["wants"] = _with_defaults(component.config, "wants") or "rgb"
    if component.kind == "exporter":
        found["writes"] = ", ".join(component.config.suffixes)  # type: ignore[attr-defined]
        found["holds"] = component.config.holds  # type: ignore[attr-defined]
    if getattr(component.config, "textured", False):
        found["textured"] = "learns textures in the body's UV layout"
    if presets := getattr(component.config, "presets", None):
        found["presets"] = ", ".join(presets)
    if component.default:
        taken = catalog().default(component.kind)
        found["default"] = (
            f"used if a config names no {component.kind}"
            if taken == component.name
            else f"offered, but '{taken}' is used if a config names no {component.kind}"
        )
    return found


def _with_defaults(config: Any, what: str) -> str:
    """What a config declares with its default values; empty where it has none for some key."""
    from pydantic import ValidationError

    try:
        return ", ".join(sorted(getattr(config(), what)()))
    except ValidationError:
        return ""


def fields(config: Any, at: str = "") -> list[tuple[str, str, str]]:
    """Key, default and description of every field, nested groups included."""
    from pydantic import BaseModel

    from avatar_kit.declarations import ComponentConfig

    rows = []
    for key, field in config.model_fields.items():
        path = f"{at}.{key}" if at else key
        inner = field.annotation
        group = isinstance(inner, type) and issubclass(inner, BaseModel)
        if group and not issubclass(inner, ComponentConfig):
            rows += fields(inner, path)
        elif key != "type":
            required = field.is_required()
            value = None if required else field.get_default(call_default_factory=True)
            default = "required" if required else _short(value)
            rows.append((path, default, field.description or ""))
    return rows


def _short(value: Any) -> str:
    """A default as one short text."""
    name = getattr(value, "type", None)
    if name is not None:
        return str(name)
    if isinstance(value, dict):
        return ", ".join(value) or "the default one"
    if isinstance(value, (tuple, list)):
        return ", ".join(_short(v) for v in value)
    return "null" if value is None else str(value)


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column)
    return table
