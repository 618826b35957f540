"""``avatar-kit data``: what a folder of recordings is."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avatar_kit.errors import UserError
from avatar_kit_datasets.recognising import Kind, recognised

if TYPE_CHECKING:
    from avatar_kit.capture import Capture
    from avatar_kit.config import BodyConfig

app = typer.Typer(help="Report what a folder of recordings contains, and what is missing.")

Where = Annotated[Path, typer.Argument(help="A folder of recordings, or a file DNA-Rendering.smc.")]
Values = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...", help="Values of the dataset, e.g. step=4.", show_default=False
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        help="Picture to write: body, masks and joints over the recording (.png or .jpg).",
        show_default=False,
    ),
]
As = Annotated[
    str | None,
    typer.Option(
        "--as",
        help="Dataset that reads the folder. Default: recognised by its files.",
        show_default=False,
    ),
]
OnBody = Annotated[
    str | None,
    typer.Option(
        "--body",
        help="Body with config values: 'smplx model=FILE'. Default: the default body.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.callback()
def data() -> None:
    """Look at recordings."""


@app.command("info")
def info(
    path: Where,
    values: Values = None,
    out: Out = None,
    as_: As = None,
    body: OnBody = None,
    as_json: Json = False,
) -> None:
    """Report what a folder contains, whether you can train on it, and what is missing.

    [dim]avatar-kit data info ActorsHQ/Actor01/Sequence1/4x --out overlay.png[/dim]
    """
    kind = _kind(path, as_)
    facts: dict[str, Any] = {"path": str(path), "is": kind.title, "dataset": kind.dataset or None}
    problem = kind.advice
    if kind.dataset:
        try:
            facts |= _opened(kind, values or [], body, out)
        except UserError as error:
            problem = str(error)
    facts["problem"] = problem or None
    print(json.dumps(facts, indent=2)) if as_json else _show(facts)
    if problem:
        raise typer.Exit(2)


def _kind(path: Path, dataset: str | None) -> Kind:
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    if dataset:
        return Kind(dataset, dataset, path)
    found = recognised(path)
    if found is None:
        inside = sorted(p.name for p in path.iterdir())[:8] if path.is_dir() else []
        raise UserError(
            f"{path}: not a known kind of recording (it contains "
            f"{', '.join(inside) or 'nothing'}); name the dataset with --as (see  avatar-kit "
            "plugins), or prepare a video of it"
        )
    return found


def _opened(kind: Kind, words: list[str], body: str | None, out: Path | None) -> dict[str, Any]:
    """Facts of the capture; its overlay is written.

    Raises:
        UserError: It cannot be opened.
    """
    import logging

    from avatar_kit.config import parse_overrides
    from avatar_kit.engine.choosing import split_words
    from avatar_kit.registry import catalog

    given = {"type": kind.dataset, "path": str(kind.path), **parse_overrides(words)}
    config = _config("dataset", given)
    dataset = catalog().get("dataset", kind.dataset).load()(config)
    if body is not None:
        name, *own = split_words(body, "--body")
        dataset.body = _config("body", {"type": name, **parse_overrides(own)})
    logging.disable(logging.WARNING)  # what would be logged is among the facts
    try:
        capture: Capture = dataset.open()
    finally:
        logging.disable(logging.NOTSET)
    if out is not None:
        _overlay(capture, dataset.body, out)
    return _facts(capture, kind, words, out)


def _config(kind: str, values: dict[str, Any]) -> Any:
    """The config of a component.

    Raises:
        UserError: There is no such component, or a value does not fit.
    """
    from avatar_kit.io.documents import validated
    from avatar_kit.registry import catalog

    model = catalog().get(kind, values["type"]).config
    return validated(model, values, f"{kind} '{values['type']}'")


def _overlay(capture: Capture, body: BodyConfig | None, out: Path) -> None:
    from avatar_kit.registry import catalog
    from avatar_kit_datasets.overlay import write_overlay

    component = catalog().get("body", capture.body)
    if body is None or body.type != capture.body:
        config: Any = component.config.model_validate({"type": capture.body})
    else:
        config = body
    write_overlay(out, capture, component.load()(config).eval())


def _facts(capture: Capture, kind: Kind, words: list[str], out: Path | None) -> dict[str, Any]:
    sizes = sorted({f"{c.width}x{c.height}" for c in capture.cameras.values()})
    named = " ".join([kind.dataset, f"path={kind.path}", *words])
    found = capture.provenance.get("dataset", {}).get("found", [])
    return {
        "frames": len(capture),
        "fps": capture.fps,
        "cameras": list(capture.cameras),
        "pictures": sizes,
        "splits": {name: len(split) for name, split in capture.splits.items()},
        "body": capture.body,
        "shape": {name: round(value, 4) for name, value in capture.shape.items()},
        "found": list(found),
        "overlay": None if out is None else str(out),
        "train": f"avatar-kit train --method splat --data {shlex.quote(named)}",
    }


def _show(facts: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console()
    for key, value in facts.items():
        if value in (None, [], {}) or key in ("path", "problem"):
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{name} {held}" for name, held in value.items())
        elif isinstance(value, list):
            value = ("; " if key == "found" else ", ").join(map(str, value))
        label = f"{key}:".ljust(10)
        console.print(f"[bold]{label}[/] {escape(str(value))}", highlight=False, soft_wrap=True)
    if facts["problem"]:
        console.print(f"[bold red]missing:[/]   {escape(facts['problem'])}", soft_wrap=True)
