"""The jobs of a fleet on this machine, some at a time."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from avatar_kit.engine.fleet.jobs import Job
from avatar_kit.engine.fleet.plan import Limits
from avatar_kit.engine.fleet.task import STOPPED, Outcome, Task

State = Literal["waiting", "running", "elsewhere", "done", "kept", "set aside", "stopped"]

#: Minutes that stand for no limit.
_NO_LIMIT = 60 * 24 * 365
#: Seconds between two looks at the jobs, and at those that other processes run.
_PAUSE, _ELSEWHERE = 0.25, 5.0


@dataclass
class Record:
    """How far a job is.

    Attributes:
        state: Where it stands; ``kept``: it was done before.
        why: What it said last, where it was set aside.
        failures: How often it failed since it last got on.
    """

    state: State = "waiting"
    why: str = ""
    failures: int = 0
    _job: Any = None
    _before: frozenset[str] = frozenset()
    _slot: int = 0
    _looked: float = 0.0


@dataclass
class LocalFleet:
    """Runs jobs as soon as those they need are done.

    Attributes:
        jobs: The jobs, each after those it needs.
        folder: Logs, and files of submitit.
        limits: Of every job.
        workers: Jobs at the same time.
        gpus: GPUs that the jobs are given in turns, one each; 0: none.
        tell: Told of every job whose state changed.
    """

    jobs: Sequence[Job]
    folder: Path
    limits: Limits
    workers: int
    gpus: int
    tell: Callable[[Job, Record], None]
    records: dict[str, Record] = field(init=False)

    def __post_init__(self) -> None:
        self.records = {job.name: Record() for job in self.jobs}
        self._free = list(range(self.workers))

    def run(self) -> None:
        """Until nothing is left that could run; an interrupt ends the trainings, which save."""
        try:
            while self._step():
                time.sleep(_PAUSE)
        except KeyboardInterrupt:
            self._stop()
            raise

    def _step(self) -> bool:
        """Look at every job once; whether there is more to come."""
        for job in self.jobs:
            record = self.records[job.name]
            if record.state == "running":
                self._collect(job, record)
            elif record.state == "elsewhere" and time.monotonic() - record._looked > _ELSEWHERE:
                record._looked = time.monotonic()
                record.state = "elsewhere" if job.is_busy() else "waiting"
            if record.state == "waiting":
                self._begin(job, record)
        return any(r.state in ("waiting", "running", "elsewhere") for r in self.records.values())

    def _begin(self, job: Job, record: Record) -> None:
        needed = [self.records[name] for name in job.needs]
        ended = ("done", "kept", "set aside", "stopped")
        if any(other.state not in ended for other in needed):
            return
        lost = [n for n in job.needs if self.records[n].state in ("set aside", "stopped")]
        if job.is_done():
            self._set(job, "kept")
        elif lost and not job.patient:
            self._set(job, "set aside", f"needs {lost[0]}, which was set aside")
        elif job.is_busy():
            record._looked = time.monotonic()
            self._set(job, "elsewhere")
        elif self._free:
            record._slot, record._before = self._free.pop(0), job.progress()
            record._job = self._submit(job, record._slot)
            self._set(job, "running")

    def _submit(self, job: Job, slot: int) -> Any:
        import submitit

        folder = self.folder / job.name
        executor = submitit.LocalExecutor(folder, max_num_timeout=10**6)
        minutes = self.limits.minutes or _NO_LIMIT
        given: dict[str, Any] = {}
        if self.gpus:
            given = {"gpus_per_node": 1, "visible_gpus": (slot % self.gpus,)}
        delay = min(120, round(15 * minutes))
        executor.update_parameters(timeout_min=minutes, signal_delay_s=delay, **given)
        log = self.folder / f"{job.name}.log"
        return executor.submit(Task(job.words, log, self.limits.attempts))

    def _collect(self, job: Job, record: Record) -> None:
        if not record._job.done():
            return
        self._free.append(record._slot)
        try:
            outcome: Outcome | None = record._job.result()
        except Exception as error:  # submitit's, of a job that ended without a result
            outcome, why = None, str(error).strip().splitlines()[-1]
        if outcome is None:
            got_on = job.progress() != record._before
            record.failures = 0 if got_on else record.failures + 1
            if record.failures < self.limits.attempts:
                record.state = "waiting"  # killed, or out of time once too often: again
            else:
                self._set(job, "set aside", f"the job was stopped from outside: {why}")
        elif outcome.code == 0:
            self._set(job, "done")
        elif outcome.code in STOPPED:
            self._set(job, "stopped", outcome.why)
        else:
            record.failures = outcome.attempts
            self._set(job, "set aside", outcome.why)

    def _set(self, job: Job, state: State, why: str = "") -> None:
        record = self.records[job.name]
        record.state, record.why = state, why
        self.tell(job, record)

    def _stop(self) -> None:
        """End what runs; a training saves and says how to go on."""
        running = [job for job in self.jobs if self.records[job.name].state == "running"]
        for job in running:
            number = Task(job.words, self.folder / f"{job.name}.log", 1).number
            with contextlib.suppress(OSError, ValueError):
                os.kill(int(number.read_text()), signal.SIGTERM)
        for job in running:
            with contextlib.suppress(Exception):
                self.records[job.name]._job.wait()
            self._collect(job, self.records[job.name])
