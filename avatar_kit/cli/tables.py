"""What training and evaluation say on the terminal: the opening panel, tables, paths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from avatar_kit.engine.scoring import REGIONS
from avatar_kit.engine.setting_up import Training

_NAMES = {"avatar": "avatar", "nearest_frame": "nearest frame", "mean_frame": "mean frame"}


def opening(training: Training) -> Panel:
    """What is trained, on what, where."""
    config = training.config
    learned = training.avatar.learned_parameters()
    rows = Table.grid(padding=(0, 2))
    for frames in training.people:
        cameras = len(frames.view.capture.splits["train"].cameras)
        by = f" by {cameras} cameras" if cameras > 1 else ""
        name = frames.view.capture.name
        rows.add_row("capture", f"{name}, {len(frames.frames)} training frames{by}")
    batch = f"batch {config.batch_size}"
    if training.ranks.count > 1:
        batch += f" in each of {training.ranks.count} processes"
    rows.add_row("size", f"{training.view.width}x{training.view.height}, {batch}")
    rows.add_row("model", f"{learned / 1e6:.1f} M parameters, {config.precision}")
    if config.refine is not None:
        rows.add_row("poses", "corrected while the avatar trains")
    rows.add_row("device", str(training.frames.device))
    for name, value in (*training.method.facts().items(), *training.avatar.aligner.facts().items()):
        rows.add_row(name, value)
    rows.add_row("run", str(training.run.root))
    title = f"{config.type}" + (f" [{config.preset}]" if config.preset else "")
    return Panel.fit(rows, title=Text(title), title_align="left", border_style="cyan")


def result_table(result: dict[str, Any], region: str) -> Table:
    """Splits with the avatar and its baselines below one another; metrics as columns."""
    metrics = result["protocol"]["metrics"]
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("full frame" if region == "full" else "person crop", no_wrap=True)
    add_metric_columns(table, metrics)
    for split, values in result["splits"].items():
        title = Text(f"{split} ({values['n']})", style="bold")
        table.add_row(title.append(f", {values['novelty']}", style="not bold"))
        rows = {"avatar": values, **values["baselines"]}
        for key, label in _NAMES.items():
            row = rows[key] if region == "full" else rows[key]["person"]
            cells = [_cell(row[m]) for m in metrics]
            table.add_row(f"  {label}", *cells, style="" if key == "avatar" else "dim")
    return table


def add_metric_columns(table: Table, metrics: dict[str, Any]) -> None:
    """A column for each metric of a protocol; where they do not fit their names are folded."""
    for name, about in metrics.items():
        arrow = "↑" if about["higher_is_better"] else "↓"
        table.add_column(f"{name} {arrow}", justify="right", overflow="fold")


def _cell(value: float | None) -> str:
    if value is None:
        return "n/a"
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.4f}"


def protocol_line(result: dict[str, Any]) -> str:
    """The protocol in one line, for under the table."""
    about = result["protocol"]
    weights = ", ".join(
        f"{name} {m['weights_sha256'][:12]}"
        for name, m in about["metrics"].items()
        if m["weights_sha256"]
    )
    n = sum(s["n"] for s in result["splits"].values())
    width, height = about["size"]
    refined = ", training poses refined" if about["training_poses_refined"] else ""
    return (
        f"protocol {about['version']}: {about['capture']} at {width}x{height}, n={n}, "
        f"background as recorded, test poses not refitted{refined}; metric weights "
        f"{weights or 'none'}"
    )


def distance_line(result: dict[str, Any]) -> str:
    """How far the test poses lie from those of the training; empty where a result does not say."""
    known = [
        f"{name} {100 * values['distance']:.1f} cm"
        for name, values in result["splits"].items()
        if values.get("distance") is not None
    ]
    if not known:
        return ""
    return f"mean distance of the joints from the nearest training pose: {', '.join(known)}"


def show(result: dict[str, Any], root: Path, console: Console) -> None:
    """Print the table, the protocol, and where the pictures are."""
    if result["splits"]:
        for region in REGIONS:
            console.print(result_table(result, region))
            console.print()
        console.print(f"[dim]{protocol_line(result)}[/]", highlight=False, soft_wrap=True)
        if away := distance_line(result):
            console.print(f"[dim]{away}[/]", highlight=False, soft_wrap=True)
    else:
        console.print(
            "[yellow]no frames were held out: the avatar cannot be evaluated, and the preview "
            "shows training frames[/]"
        )
    paths = Table.grid(padding=(0, 2))
    for label, name in (
        ("preview picture", "preview.png"),
        ("preview video", "preview.mp4"),
        ("results", "eval/test.json"),
    ):
        if (root / name).exists():
            paths.add_row(label, str(root / name))
    console.print(paths)
    for name, about in result["protocol"]["metrics"].items():
        if reason := about.get("unavailable"):
            console.print(f"[dim]{name}: n/a; {reason}[/]", highlight=False, soft_wrap=True)
    for label, options in (
        ("turn it", "--orbit 360 --out turn.mp4"),
        ("drive it", "--motion FILE --out dance.mp4"),
    ):
        command = f"avatar-kit render {root} {options}"
        console.print(f"{label:<17}[bold]{command}[/]", highlight=False, soft_wrap=True)
