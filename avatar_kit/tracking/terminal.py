"""What a person sees in the terminal while a video is prepared, and after."""

from __future__ import annotations

import time

import rich.progress as rp
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from avatar_kit.registry import catalog
from avatar_kit.tracking.export import Prepared
from avatar_kit.tracking.figures import Figures, percent

_VERDICT_COLOURS = {"fit for training": "green", "usable": "yellow", "not fit": "red"}

#: The stage that tells how long the others take, and their times in terms of its own, as measured
#: on two cores. The share of a fit is smaller for longer videos.
YARDSTICK = "landmarks"
SHARES = {"landmarks": 1.0, "clips": 0.06, "scene": 0.25, "fit": 1.8, "capture": 0.8}


class StageProgress:
    """A bar for the stage at work, a line for each that is done, and how long the whole will take.

    Without a terminal a line each minute takes the place of the bar.

    Args:
        console: Where to print.
        lines_every: Seconds between lines without a terminal.
        once: Whether each stage comes once, as that of one video does. Where not, what is told is
            how long the stage at work will take.
    """

    def __init__(self, console: Console, lines_every: float = 60.0, *, once: bool = True):
        self.console = console
        self._lines_every = lines_every
        self._bar = rp.Progress(
            rp.TextColumn("  [bold]{task.description:<11}"),
            rp.BarColumn(bar_width=30),
            rp.TaskProgressColumn(),
            rp.TextColumn("{task.fields[left]}"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task: rp.TaskID | None = None
        self._stage, self._total, self._since, self._printed = "", 0, 0.0, 0.0
        self._to_come = dict(SHARES)
        self._unit: float | None = None
        self._once = once

    def __enter__(self) -> StageProgress:
        return self

    def __exit__(self, *error) -> None:
        self._bar.stop()

    def start(self, stage: str, total: int | None) -> None:
        """A stage begins."""
        self._stage, self._total, self._since = stage, total or 0, time.perf_counter()
        self._printed = self._since
        self._to_come.pop(stage, None)
        self._task = self._bar.add_task(stage, total=total, left="")
        self._bar.start()

    def step(self, done: int) -> None:
        """So many steps are done."""
        now = time.perf_counter()
        took = now - self._since
        left = self._left(took, done / self._total if self._total else 0.0)
        if self._task is not None:
            self._bar.update(self._task, completed=done, left=left)
        if not self.console.is_terminal and now - self._printed >= self._lines_every:
            self._printed = now
            part = f"{done} of {self._total}" if self._total else f"{done}"
            self.console.print(
                f"  … {self._stage}: {part}  {left}", highlight=False, markup=False, soft_wrap=True
            )

    def _left(self, took: float, part: float) -> str:
        """How long this stage, and as far as it is known the whole, will still take."""
        if part <= 0 or took < 2:
            return ""
        stage = took / part
        here = stage - took
        if self._stage == YARDSTICK and self._once:
            self._unit = stage
        if self._unit is None:
            return f"{spell(here)} left of this stage"
        return f"about {spell(here + self._unit * sum(self._to_come.values()))} left"

    def finish(self, note: str, *, cached: bool = False) -> None:
        """The stage is done."""
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
        self._bar.stop()  # between stages others may draw: one live display at a time
        seconds = time.perf_counter() - self._since
        if self._stage == YARDSTICK and self._once and not cached:
            self._unit = seconds
        took = "cached" if cached else f"{seconds:.0f} s"
        self.console.print(
            f"  [green]✓[/] [bold]{self._stage:<11}[/] {escape(note)}  [dim]{took}[/]",
            highlight=False,
            emoji=False,
            soft_wrap=not self.console.is_terminal,
        )


def _masks(figures: Figures) -> str:
    """How sound the masks are, in words."""
    return (
        f"{figures.refined:.0%} refined; in the worst tenth {1 - figures.mask_whole:.1%} not "
        f"connected, {1 - figures.mask_filled:.1%} holes, agreement {figures.mask_agreement:.2f}"
    )


def spell(seconds: float) -> str:
    """A time that is left, as exact as it can be known: "40 s", "3 min", "1 h 20 min"."""
    if seconds < 55:
        return f"{max(10, 10 * round(seconds / 10))} s"
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


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
        console.print(f"  [dim]• {escape(note)}[/]", highlight=False)
    lead = "To train anyway" if prepared.verdict == "not fit" else "Next"
    method, folder = catalog().default("method"), prepared.capture.root
    console.print(f"\n{lead}:  avatar-kit train --method {method} --data {folder}\n")
    if len(prepared.capture.cameras) > 1:
        console.print(
            "It has several cameras: use a method whose renderer paints only the person "
            "(docs/own-video.md, Several videos)\n"
        )
