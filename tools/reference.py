"""Writes the parts of the documentation that follow from the code.

    python tools/reference.py           # write
    python tools/reference.py --check   # say what is out of date; exit code 1

* ``docs/cli.md``: every command with its options.
* ``docs/gallery.md``: every component of ours with the values it can be configured with.
* ``docs/api/*.md``: one page a public module, one mkdocstrings directive a public name.
* ``docs/plugins/*.md``: what stands between ``<!-- generated: ... -->`` and ``<!-- end -->``.
* ``docs/images/what-a-part-sees.svg``: which value reaches which part (``tools/part_diagram.py``).
* ``tests/public_names.txt``: the names whose removal is a breaking change.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from pathlib import Path

import click
import part_diagram
import typer

from avatar_kit.cli.commands import imported
from avatar_kit.cli.main import app
from avatar_kit.cli.plugins import declared, fields
from avatar_kit.config import MethodConfig
from avatar_kit.registry import KINDS, Command, Component, hookspecs, plugins
from avatar_kit.scaffold.project import project_files
from avatar_kit.testing import conformance_class
from avatar_kit.testing.running import checks_of

ROOT = Path(__file__).parents[1]

#: Public modules: their ``__all__`` is what a plugin may import.
MODULES = (
    "avatar_kit",
    "avatar_kit.capture",
    "avatar_kit.config",
    "avatar_kit.errors",
    "avatar_kit.gaussians",
    "avatar_kit.graphics",
    "avatar_kit.interfaces",
    "avatar_kit.io",
    "avatar_kit.light",
    "avatar_kit.metrics",
    "avatar_kit.nn",
    "avatar_kit.registry",
    "avatar_kit.scene",
    "avatar_kit.surface",
    "avatar_kit.testing",
)

_REGION = re.compile(r"(<!-- generated: (.*?) -->\n).*?(<!-- end -->)", re.DOTALL)


def public_names(module: str) -> list[str]:
    """What a public module promises."""
    found = importlib.import_module(module)
    return sorted(getattr(found, "__all__", None) or [n for n in vars(found) if n[0].isupper()])


def names_page() -> str:
    """All public names, one a line."""
    return "".join(f"{module}.{name}\n" for module in MODULES for name in public_names(module))


def api_pages() -> dict[Path, str]:
    """A page for each public module."""
    pages = {}
    for module in MODULES:
        doc = inspect.getdoc(importlib.import_module(module)) or ""
        lines = [f"# {module}", "", doc.split("\n\n")[0], ""]
        for name in public_names(module):
            lines += [f"::: {module}.{name}", ""]
        pages[Path("docs/api") / f"{module.replace('avatar_kit.', '')}.md"] = "\n".join(lines)
    return pages


def cli_page() -> str:
    """Every command with its arguments and options."""
    root = typer.main.get_command(app)
    lines = ["# Commands", "", "Written by `tools/reference.py` from the commands themselves.", ""]
    for path, command in _commands(root, ("avatar-kit",)):
        lines += _command(path, command)
    ours = [r for p in plugins() if p.distribution == "avatar-kit" for r in p.registered]
    for found in (r for r in ours if isinstance(r, Command)):
        for path, command in _commands(imported(found), ("avatar-kit", found.name)):
            lines += _command(path, command)
    return "\n".join(lines).rstrip() + "\n"


def gallery_page() -> str:
    """Every component that comes with avatar-kit, a heading a kind."""
    lines = ["# Gallery", ""]
    lines += ["Every component that comes with avatar-kit, and what it can be configured with.", ""]
    lines += ["Written by `tools/reference.py`; `avatar-kit plugins list` says what a machine has."]
    lines += [""]
    ours = [c for p in plugins() if p.distribution == "avatar-kit" for c in p.components]
    for kind in KINDS:
        lines += [f"## {kind.capitalize()}", ""]
        common: list[tuple[str, str, str]] = []
        if kind == "method":
            common = fields(MethodConfig)
            lines += ["What every method can be asked for:", "", *_values(common)]
        for component in ours:
            if component.kind == kind:
                lines += _component(component, {key for key, _, _ in common})
    return "\n".join(lines).rstrip() + "\n"


def _component(component: Component, common: set[str]) -> list[str]:
    doc = " ".join((component.config.__doc__ or "").split("\n\n")[0].split())
    facts = [f"{name}: {value}" for name, value in declared(component).items()]
    own = [row for row in fields(component.config) if row[0] not in common]
    text = ". ".join([doc.rstrip("."), *facts]) + "."
    return [f"### {component.name}", "", text.replace("``", "`"), "", *_values(own)]


def _values(rows: list[tuple[str, str, str]]) -> list[str]:
    if not rows:
        return []
    cells = [[text.replace("|", "\\|") for text in row] for row in rows]
    lines = [f"| `{key}` | {default} | {about} |" for key, default, about in cells]
    return ["| key | default | |", "|---|---|---|", *lines, ""]


def _commands(command: click.Command, path: tuple[str, ...]):
    if len(path) > 1 or not isinstance(command, click.Group):
        yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from _commands(below, (*path, name))


def _command(path: tuple[str, ...], command: click.Command) -> list[str]:
    context = click.Context(command, info_name=" ".join(path))
    lines = [f"{'#' * len(path)} {' '.join(path)}", "", _plain(command.help or ""), ""]
    lines += ["```", command.get_usage(context).removeprefix("Usage: "), "```", ""]
    rows = []
    for parameter in command.get_params(context):
        names = ", ".join(f"`{n}`" for n in parameter.opts) or f"`{parameter.name}`"
        if parameter.param_type_name == "argument":
            names = f"`{parameter.metavar or (parameter.name or '').upper()}`"
        text = _plain(getattr(parameter, "help", "") or "").replace("|", "\\|")
        rows.append(f"| {names} | {text} |")
    return [*lines, "| option | what it does |", "|---|---|", *rows, ""]


def _plain(text: str) -> str:
    """Help as Markdown: examples as code, no markup of the terminal."""
    return re.sub(r"\[dim\](.*?)\[/dim\]", r"`\1`", inspect.cleandoc(text), flags=re.DOTALL)


def filled(page: str) -> str:
    """A hand-written page with its generated regions made anew."""

    def fill(found: re.Match[str]) -> str:
        what, *words = found[2].split()
        return f"{found[1]}{_REGIONS[what](*words).rstrip()}\n{found[3]}"

    return _REGION.sub(fill, page)


def _template(kind: str) -> str:
    """The package that ``plugins new NAME --kind KIND`` writes."""
    blocks = []
    for path, text in project_files(f"my_{kind}", kind):
        if path.suffix == ".py" and path.name not in ("__init__.py", "test_conformance.py"):
            blocks.append(f"```python\n# {path.as_posix()}\n{text.rstrip()}\n```\n")
    return "\n".join(blocks)


def _checks(kind: str) -> str:
    """What the conformance kit asks of a kind."""
    cls = conformance_class(kind)
    rows = []
    for name in checks_of(cls):
        demand = " ".join((getattr(cls, name).__doc__ or "").split("\n\n")[0].split())
        demand = re.sub(r":class:`~?([^`]*)`", r"`\1`", demand)
        rows.append(f"| `{name}` | {demand} |")
    return "\n".join(["| check | what must hold |", "|---|---|", *rows]).replace("``", "`")


def _hooks() -> str:
    """Every hook with its arguments."""
    rows = []
    for kind, hook in {**KINDS, "command": "register_commands"}.items():
        function = getattr(hookspecs, hook)
        doc = inspect.getdoc(function).replace("``", "`")
        rows.append(f"| {kind} | `{hook}{tuple(inspect.signature(function).parameters)}` | {doc} |")
    table = "\n".join(["| kind | hook | what it is for |", "|---|---|---|", *rows])
    return table.replace("('register',)", "(register)")


def _interface(kind: str) -> str:
    """The mkdocstrings directive of a kind's interface."""
    return f"::: avatar_kit.interfaces.{kind.capitalize()}"


_REGIONS = {"template": _template, "checks": _checks, "hooks": _hooks, "interface": _interface}


def everything() -> dict[Path, str]:
    """Path below the project -> what must be written there."""
    pages = {Path("docs/gallery.md"): gallery_page(), Path("docs/cli.md"): cli_page()}
    pages |= {Path("tests/public_names.txt"): names_page()}
    pages |= {part_diagram.PICTURE: part_diagram.diagram()}
    pages |= api_pages()
    for page in sorted((ROOT / "docs" / "plugins").glob("*.md")):
        pages[page.relative_to(ROOT)] = filled(page.read_text())
    return pages


def stale() -> list[Path]:
    """Files that do not say what the code says."""
    return [
        path
        for path, text in everything().items()
        if not (ROOT / path).exists() or (ROOT / path).read_text() != text
    ]


def main() -> None:
    """Write, or only look."""
    if "--check" in sys.argv[1:]:
        for path in stale():
            print(f"{path}: out of date; run  python tools/reference.py")
        sys.exit(bool(stale()))
    for path, text in everything().items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text)


if __name__ == "__main__":
    main()
