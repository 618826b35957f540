"""What a person sees while an avatar trains and is measured."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from contextlib import contextmanager

import rich.progress as rp
from rich.console import Console
from rich.table import Column

from avatar_kit.capture import CaptureView
from avatar_kit.config import MethodConfig
from avatar_kit.engine.held_out import held_out_splits
from avatar_kit.engine.progress import Progress
from avatar_kit.engine.results import Observe
from avatar_kit.tracking.terminal import spell

#: Columns of a terminal from which on the bar is long.
_WIDE = 100


class PatientConsole(Console):
    """A console whose closed output is an error, where rich's ends the process."""

    def on_broken_pipe(self) -> None:
        """Print nothing from here on.

        Raises:
            BrokenPipeError: Always.
        """
        with contextlib.suppress(SystemExit):
            super().on_broken_pipe()
        raise BrokenPipeError(errno.EPIPE, "the output was closed")


class TerminalProgress(Progress):
    """A progress bar on a terminal; a line now and then where there is none.

    Args:
        console: Where to print.
        lines_every: Seconds between lines without a terminal.
    """

    def __init__(self, console: Console, lines_every: float = 20.0):
        self.console = console
        self.lines_every = lines_every
        self._bar = rp.Progress(
            rp.TextColumn("[bold]train"),
            rp.BarColumn(bar_width=24 if console.width >= _WIDE else 12),
            rp.MofNCompleteColumn(),
            rp.TextColumn("[cyan]{task.fields[rate]}"),
            rp.TimeRemainingColumn(),
            rp.TextColumn("left"),
            rp.TextColumn("[dim]{task.fields[memory]}"),
            # the losses get what is left of the line: a narrow terminal cuts them off, nothing else
            rp.TextColumn("{task.fields[losses]}", table_column=Column(ratio=1, no_wrap=True)),
            console=console,
            expand=True,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task: rp.TaskID | None = None
        self._total = 0
        self._printed = 0.0

    def __enter__(self) -> TerminalProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def start(self, done: int, total: int) -> None:
        """Say where the loop starts and ends."""
        self._total = total
        self._task = self._bar.add_task(
            "train", completed=done, total=total, rate="", losses="", memory=""
        )

    def report(self, step: int, losses: dict[str, float], rate: float, memory_gib: float) -> None:
        """Show the state after ``step`` steps; ``rate`` in steps per second."""
        text = "  ".join(f"{name} {value:.4f}" for name, value in losses.items())
        pace = f"{rate:.2f} steps/s"
        memory = f"{memory_gib:.1f} GiB"
        if self._task is not None:
            self._bar.update(self._task, completed=step, rate=pace, losses=text, memory=memory)
        now = self._bar.get_time()
        if not self.console.is_terminal and (
            now - self._printed > self.lines_every or step == self._total
        ):
            self._printed = now
            left = spell((self._total - step) / rate) if rate and step < self._total else "0 s"
            self.console.print(
                f"step {step}/{self._total}  {pace}  {left} left  {text}  {memory}",
                highlight=False,
                soft_wrap=True,
            )

    def note(self, text: str) -> None:
        """A line that stays."""
        self._bar.console.print(f"[dim]{text}[/dim]", highlight=False)


@contextmanager
def evaluation_bar(view: CaptureView, config: MethodConfig, console: Console) -> Iterator[Observe]:
    """A bar over the pictures of an evaluation; yields what must be told of each."""
    total = sum(len(split.samples) for split in held_out_splits(view, config.evaluation))
    columns = (
        "[bold]evaluate",
        rp.BarColumn(24),
        rp.MofNCompleteColumn(),
        rp.TimeRemainingColumn(),
    )
    with rp.Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("evaluate", total=total)
        yield lambda split, k, picture: bar.advance(task)
