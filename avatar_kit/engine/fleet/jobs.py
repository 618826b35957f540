"""The jobs of a fleet: each a command that may be run again, and what must be there before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from avatar_kit.engine.claim import Claim
from avatar_kit.engine.comparison.cells import (
    is_finished,
    run_folder,
    train_words,
    write_config,
)
from avatar_kit.engine.comparison.plan import Plan
from avatar_kit.engine.fleet.plan import FleetPlan, capture_folder
from avatar_kit.engine.run import folder_name
from avatar_kit.errors import UserError


@dataclass(frozen=True)
class Job:
    """One command of a fleet.

    Attributes:
        name: Of the job; a file name.
        words: For ``avatar-kit``. Run again, the command goes on where it stopped.
        done: A file that is there when the job is done; None: it is done anew each time.
        needs: Jobs that must be done before.
        patient: Whether it runs even where one of those was set aside.
        run: The run folder it trains in, if it trains.
    """

    name: str
    words: tuple[str, ...]
    done: Path | None
    needs: tuple[str, ...] = ()
    patient: bool = False
    run: Path | None = None

    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return self.done is not None and self.done.exists()

    def is_busy(self) -> bool:
        """Whether another process trains there."""
        if self.run is None or not self.run.is_dir():
            return False
        try:
            with Claim(self.run):
                return False
        except UserError:
            return True

    def progress(self) -> frozenset[str]:
        """What changes when the job gets on: its checkpoints."""
        found = self.run.glob("checkpoints/step-*") if self.run else ()
        return frozenset(path.name for path in found)


def jobs_of(plan: FleetPlan, comparison: Plan, out: Path, *, write: bool = True) -> Iterator[Job]:
    """All jobs of a plan, each after those it needs.

    Args:
        plan: The plan.
        comparison: Its trainings, :meth:`FleetPlan.comparison`.
        out: Folder of the fleet.
        write: Whether to write the config files that trainings read.
    """
    out = out.absolute()
    prepared = {}
    for name, preparation in plan.prepare.items():
        folder, job = capture_folder(out, name), f"prepare_{folder_name(name)}"
        videos = [str(Path(video).absolute()) for video in preparation.videos]
        words = ("prepare", *videos, "--out", str(folder), *preparation.options)
        yield Job(job, words, folder / "capture.json")
        prepared[name] = job
    trained = []
    for cell in comparison.cells():
        run = run_folder(out, cell)
        if write and not is_finished(out, cell):
            write_config(comparison, out, cell)
        needs = (prepared[cell.capture],) if cell.capture in prepared else ()
        trained.append(f"train_{cell.slug}")
        yield Job(trained[-1], train_words(out, cell), run / "summary.json", needs, run=run)
    words = ("compare", "--out", str(out), "--only-report")
    yield Job("report", words, None, tuple(trained), patient=True)
