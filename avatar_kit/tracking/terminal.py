"""What a person sees in the terminal while a video is prepared, and after."""

from __future__ import annotations

import time

import rich.progress as rp
from rich.console import Console
from rich.table import Table

from avatar_kit.registry import catalog
from avatar_kit.tracking.export import Prepared
from avatar_kit.tracking.figures import Figures, percent

_VERDICT_COLOURS = {"fit for training": "green", "usable": "yellow", "not fit": "red"}


class StageProgress:
    """A bar for the stage at work, a line for each that is done.

    Args:
        console: Where to print.
    """

    def __init__(self, console: Console):
        self.console = console
        self._bar = rp.Progress(
            rp.TextColumn("  [bold]{task.description:<11}"),
            rp.BarColumn(bar_width=30),
            rp.TaskProgressColumn(),
            rp.TextColumn("left"),
            rp.TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task: rp.TaskID | None = None
        self._stage, self._since = "", 0.0

    def __enter__(self) -> StageProgress:
        return self

    def __exit__(self, *error) -> None:
        self._bar.stop()

    def start(self, stage: str, total: int | None) -> None:
        """A stage begins."""
        self._stage, self._since = stage, time.perf_counter()
        self._task = self._bar.add_task(stage, total=total)
        self._bar.start()

    def step(self, done: int) -> None:
        """So many steps are done."""
        if self._task is not None:
            self._bar.update(self._task, completed=done)

    def finish(self, note: str, *, cached: bool = False) -> None:
        """The stage is done."""
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
        self._bar.stop()  # between stages others may draw: one live display at a time
        took = "cached" if cached else f"{time.perf_counter() - self._since:.0f} s"
        self.console.print(
            f"  [green]✓[/] [bold]{self._stage:<11}[/] {note}  [dim]{took}[/]", highlight=False
        )


def _masks(figures: Figures) -> str:
    """How sound the masks are, in words."""
    return (
        f"{figures.refined:.0%} refined; of the worst tenth {1 - figures.mask_whole:.1%} apart, "
        f"{1 - figures.mask_filled:.1%} holes, agreement {figures.mask_agreement:.2f}"
    )


def show(prepared: Prepared, console: Console) -> None:
    """Print the figures, the verdict, and what to do next."""
    figures = prepared.figures
    table = Table(show_header=False, show_edge=False, pad_edge=False, box=None)
    table.add_column(style="dim")
    table.add_column()
    rows = (
        ("frames", f"{figures.frames} in {figures.clips} clips, {figures.dropped} dropped"),
        ("person", f"{figures.person_pixels:.0f} pixels high"),
        ("joint error", f"{figures.error:.2f} % of the height (95th: {figures.error_95:.2f} %)"),
        ("hand error", percent(figures.hand_error)),
        ("silhouette", f"IoU {figures.iou:.2f} (least {figures.iou_least:.2f})"),
        ("yaw", f"{figures.yaw_low:.0f} to {figures.yaw_high:.0f} degrees"),
        ("seen", f"face in {figures.face:.0%}, hands in {figures.hands:.0%} of the frames"),
        ("masks", _masks(figures)),
        ("sheet", str(prepared.sheet)),
    )
    for row in rows:
        table.add_row(*row)
    console.print()
    console.print(table, highlight=False)
    colour = _VERDICT_COLOURS[prepared.verdict]
    console.print(f"\n[{colour} bold]{prepared.verdict}[/]", highlight=False)
    for reason in prepared.reasons:
        console.print(f"  [yellow]•[/] {reason}", highlight=False, markup=True)
    for line in prepared.unknown:
        console.print(f"  [yellow]•[/] the avatar will not know {line}", highlight=False)
    for note in prepared.notes:
        console.print(f"  [dim]• {note}[/]", highlight=False)
    lead = "To train all the same" if prepared.verdict == "not fit" else "Next"
    method, folder = catalog().default("method"), prepared.capture.root
    console.print(f"\n{lead}:  avatar-kit train --method {method} --data {folder}\n")
