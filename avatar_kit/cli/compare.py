"""``avatar-kit compare``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from avatar_kit.cli.options import Overrides, Preset
from avatar_kit.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from avatar_kit.engine.comparison.plan import Plan

HELP = """Train methods on the same captures with the same seeds, and report which is better.

[dim]avatar-kit compare --method ram --method anr --method dnr --seed 0 --seed 1[/dim]

[dim]avatar-kit compare -m anr -m "one stage: anr renderer.stages=1" --data captures/me[/dim]

[dim]avatar-kit compare --out comparisons/first[/dim]   continues: finished trainings are kept
and failed ones are tried again; you can add methods, captures and seeds
"""

Methods = Annotated[
    list[str] | None,
    typer.Option(
        "--method",
        "-m",
        help="A method, or a name, a method and its config values: ram, or 'one stage: anr "
        "renderer.stages=1'. May be repeated.",
        show_default=False,
    ),
]
Workers = Annotated[
    int, typer.Option("--workers", min=1, help="Number of trainings that run at the same time.")
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", min=1, help="CPU threads for each training.", show_default=False),
]


def compare(
    overrides: Overrides = None,
    methods: Methods = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            "-d",
            help="A capture folder, or a dataset with config values: 'studio subject=ben'. May "
            "be repeated. Default: the embedded synthetic capture.",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[
        list[int] | None,
        typer.Option(
            "--seed", help="Seed of a training. May be repeated. Default: 0.", show_default=False
        ),
    ] = None,
    preset: Preset = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            "--plan",
            help="YAML file with contenders, captures, seeds and values; the other options add "
            "to it.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the trainings and the report.")
    ] = Path("comparisons/latest"),
    workers: Workers = 1,
    threads: Threads = None,
    only_report: Annotated[
        bool,
        typer.Option("--only-report", help="Only report the finished trainings in --out."),
    ] = False,
) -> None:
    """Compare methods."""
    from rich.console import Console

    from avatar_kit.engine.comparison.plan import FILE, Plan, keep_plan, read_plan

    before = out / FILE
    start = read_plan(plan or before) if plan or before.exists() else Plan()
    wanted = with_words(start, methods or [], data or [], seeds or [], preset, overrides or [])
    kept = keep_plan(wanted, out)
    if only_report:
        show_report(kept, out, Console())
    else:
        run_comparison(kept, out, workers, threads, Console())


def with_words(
    plan: Plan,
    methods: list[str],
    data: list[str],
    seeds: list[int],
    preset: str | None,
    words: list[str],
) -> Plan:
    """A plan with what the command line adds: contenders; other captures and seeds; values.

    Raises:
        UserError: It has no contender.
    """
    from avatar_kit.config import parse_overrides
    from avatar_kit.config.layers import Layer, merge
    from avatar_kit.engine.choosing import default_preset

    contenders = {**plan.contenders, **dict(map(contender, methods))}
    if not contenders:
        raise UserError("which methods? for example  avatar-kit compare --method ram --method anr")
    for name, values in contenders.items():
        start = values.get("preset") or preset or default_preset(values["type"])[0]
        contenders[name] = {**values, "preset": start}
    captures = dict(map(capture, data)) or plan.captures or dict([capture(default_dataset())])
    both = (Layer("plan", plan.values), Layer("command line", parse_overrides(words)))
    update = {
        "contenders": contenders,
        "captures": captures,
        "seeds": tuple(dict.fromkeys(seeds)) or plan.seeds,
        "values": merge(both)[0],
    }
    return plan.model_copy(update=update)


def contender(text: str) -> tuple[str, dict[str, Any]]:
    """``NAME: METHOD key=value ...`` as (name, values); the name may be left out."""
    from avatar_kit.config import parse_overrides
    from avatar_kit.engine.choosing import split_words

    name, colon, rest = text.partition(": ")
    words = split_words(rest if colon else text, "--method")
    if "=" in words[0]:
        raise UserError(f"--method {text!r}: expected METHOD key=value ..., e.g. anr split=null")
    return name.strip(), {"type": words[0], **parse_overrides(words[1:])}


def capture(text: str) -> tuple[str, dict[str, Any]]:
    """A folder, or ``DATASET key=value ...``, as (name, values of ``data``)."""
    from avatar_kit.engine.choosing import data_values, split_words

    values = data_values(text, "--data")["data"]
    if "path" in values:
        return Path(values["path"]).name, values
    first, *words = split_words(text, "--data")
    name = "-".join([first, *(word.partition("=")[2] for word in words)])
    return re.sub(r"[^\w.-]+", "-", name), values


def default_dataset() -> str:
    """Name of the dataset that is taken where none is named."""
    from avatar_kit.registry import catalog

    return catalog().default("dataset")


def run_comparison(
    plan: Plan, out: Path, workers: int, threads: int | None, console: Console
) -> None:
    """Train, report, show.

    Raises:
        typer.Exit: With 1, where a training failed; everything else is there.
    """
    from avatar_kit.engine.comparison.cells import Trainings, is_finished, run_folder, why_failed
    from avatar_kit.engine.comparison.report import write_report
    from avatar_kit.engine.stopping import interrupted_by_sigterm

    cells = list(plan.cells())
    left = sum(not is_finished(out, cell) for cell in cells)
    console.print(f"{len(cells)} trainings, {left} to do; in {out}", highlight=False)

    def tell(cell: Any, outcome: str) -> None:
        line = f"{cell}: {outcome}"
        if outcome == "failed":
            log = run_folder(out, cell).with_suffix(".log")
            line += f": {why_failed(out, cell)}  ({log})"
        if outcome != "kept":
            console.print(line, highlight=False, markup=False, soft_wrap=True)
            write_report(plan, out)

    try:
        with interrupted_by_sigterm():
            if left:
                open_captures(plan, console)
            Trainings(plan, out, workers, threads).run(tell)
    except KeyboardInterrupt:
        console.print(
            f"stopped; continue with  [bold]avatar-kit compare --out {out}[/]",
            highlight=False,
            soft_wrap=True,
        )
        raise typer.Exit(130) from None
    show_report(plan, out, console)


def show_report(plan: Plan, out: Path, console: Console) -> None:
    """Write the report of what is trained, and show its tables.

    Raises:
        typer.Exit: With 1, where a training is missing.
    """
    from avatar_kit.engine.comparison.markdown import heading
    from avatar_kit.engine.comparison.report import write_report

    summary = write_report(plan, out, pictures=True)
    for split, tables in summary["splits"].items():
        title = heading(split, tables)
        console.print(split_table(summary, title, tables["all"]["full"]))
        console.print()
    console.print(f"protocol {summary['protocol']['hash']}; full report: {out / 'report.md'}")
    if any("missing" in training for training in summary["trainings"]):
        raise typer.Exit(1)


def open_captures(plan: Plan, console: Console) -> None:
    """Make what has to be made of the captures, once, before several trainings ask for it."""
    from avatar_kit.engine.setting_up import open_view

    first_of = {cell.capture: cell for cell in reversed(list(plan.cells()))}
    for name, cell in first_of.items():
        try:
            open_view(plan.config(cell))
        except UserError as error:  # its trainings will fail, the others go on
            console.print(f"{name}: {error}", style="yellow", highlight=False, markup=False)


def split_table(summary: dict[str, Any], title: str, metrics: dict[str, Any]) -> Table:
    """Contenders as rows, metrics as columns; ranks in brackets."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from avatar_kit.cli.tables import add_metric_columns
    from avatar_kit.engine.comparison.markdown import short

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    table.add_column(title, no_wrap=True)
    add_metric_columns(table, summary["metrics"])
    for name in summary["plan"]["contenders"]:
        table.add_row(name, *[short(found.get(name)) for found in metrics.values()])
    for name in ("nearest_frame", "mean_frame"):
        row = [short(found.get(name)) for found in metrics.values()]
        table.add_row(name.replace("_", " "), *row, style="dim")
    return table
