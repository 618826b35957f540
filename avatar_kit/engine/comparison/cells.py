"""One training of a comparison, in a process of its own: what fails there loses nothing here."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from avatar_kit.config import dump_yaml
from avatar_kit.config.layers import dump_method
from avatar_kit.engine.comparison.plan import Cell, Plan
from avatar_kit.io.atomic import atomic_path

#: Why a training has no figures that nobody has started.
NOT_BEGUN = "not begun"

Outcome = Literal["kept", "trained", "failed"]


def run_folder(out: Path, cell: Cell) -> Path:
    """Where a training of a comparison writes."""
    return out / "runs" / cell.slug


def is_finished(out: Path, cell: Cell) -> bool:
    """Whether it is trained and measured."""
    return (run_folder(out, cell) / "summary.json").exists()


def train_words(out: Path, cell: Cell) -> tuple[str, ...]:
    """The command that starts a training or continues it; :func:`write_config` comes before."""
    run = run_folder(out, cell)
    config = str(run.with_suffix(".yaml"))
    return ("train", "--config", config, "--out", str(run), "--resume", "auto")


def write_config(plan: Plan, out: Path, cell: Cell) -> None:
    """Write the config of a training beside its run folder."""
    config = run_folder(out, cell).with_suffix(".yaml")
    config.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(config) as path:
        path.write_text(dump_yaml(dump_method(plan.config(cell))))


def why_failed(out: Path, cell: Cell) -> str:
    """The last line that a training said, or :data:`NOT_BEGUN`."""
    log = run_folder(out, cell).with_suffix(".log")
    if not log.exists():
        return NOT_BEGUN
    said = [line.strip() for line in log.read_text(errors="replace").split("\n") if line.strip()]
    return said[-1] if said else "no message"


@dataclass
class Trainings:
    """The trainings of a plan, some at a time.

    Attributes:
        plan: The plan.
        out: Folder of the comparison.
        workers: Trainings at the same time.
        threads: CPU threads of each; None leaves it to torch.
    """

    plan: Plan
    out: Path
    workers: int = 1
    threads: int | None = None
    _running: set[subprocess.Popen] = field(default_factory=set)
    _ending: threading.Event = field(default_factory=threading.Event)
    _starting: threading.Lock = field(default_factory=threading.Lock)

    def run(self, tell: Callable[[Cell, Outcome], None]) -> None:
        """Do all that is not finished: go on with what was interrupted, try again what failed.

        Args:
            tell: Called after each, one at a time.
        """
        lock = threading.Lock()

        def work(cell: Cell) -> None:
            if self._ending.is_set():
                return
            outcome = self.train(cell)
            with lock:
                if not self._ending.is_set():
                    tell(cell, outcome)

        with ThreadPoolExecutor(self.workers) as pool:
            try:
                for done in [pool.submit(work, cell) for cell in self.plan.cells()]:
                    done.result()
            finally:
                with self._starting:
                    self._ending.set()
                for process in list(self._running):
                    process.terminate()  # it saves and ends

    def train(self, cell: Cell) -> Outcome:
        """One training, to its figures."""
        if is_finished(self.out, cell):
            return "kept"
        run, words = run_folder(self.out, cell), train_words(self.out, cell)
        write_config(self.plan, self.out, cell)
        with run.with_suffix(".log").open("w") as log:
            with self._starting:
                if self._ending.is_set():
                    return "failed"
                process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "avatar_kit", *words],
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self._environment(),
                    start_new_session=True,  # a training that hears Ctrl-C twice gives up
                )
                self._running.add(process)
            process.wait()
            self._running.discard(process)
        return "trained" if is_finished(self.out, cell) else "failed"

    def _environment(self) -> dict[str, str]:
        env = {**os.environ, "COLUMNS": "200"}
        if self.threads:
            for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
                env[name] = str(self.threads)
        return env
