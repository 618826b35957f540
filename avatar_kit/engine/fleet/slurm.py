"""The jobs of a fleet as jobs of Slurm, which knows what each of them needs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from avatar_kit.engine.fleet.jobs import Job
from avatar_kit.engine.fleet.plan import FleetPlan
from avatar_kit.engine.fleet.task import Task
from avatar_kit.errors import UserError
from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.cache import read_kept

#: Minutes of a job where the plan says none.
_MINUTES = 240
#: Seconds before the end of its time in which a job saves.
_DELAY = 120
#: Where the numbers of Slurm's jobs are kept.
_NUMBERS = "slurm.json"
#: What Slurm calls a job that will still run, or does.
_ALIVE = ("PENDING", "RUNNING", "REQUEUED", "CONFIGURING", "COMPLETING", "SUSPENDED")


def submit(jobs: Sequence[Job], folder: Path, plan: FleetPlan) -> dict[str, str]:
    """Hand over all jobs that are not done and not queued already.

    Args:
        jobs: The jobs, each after those it needs.
        folder: Logs, and files of submitit; on a disk that all machines share.
        plan: Of the fleet.

    Returns:
        Name -> number of Slurm's job, of those that are queued now or were before.

    Raises:
        UserError: Slurm is not here, or refuses a parameter.
    """
    import submitit

    numbers = _still_alive(folder)
    for job in jobs:
        if job.is_done() or job.name in numbers:
            continue
        before = [numbers[name] for name in job.needs if name in numbers]
        further: dict[str, Any] = {}
        if before:
            rule = "afterany" if job.patient else "afterok"
            further = {"dependency": ":".join((rule, *before)), "kill-on-invalid-dep": "yes"}
        try:
            executor = submitit.AutoExecutor(
                folder / job.name, cluster="slurm", slurm_max_num_timeout=10**6
            )
            own = {"name": job.name, "slurm_signal_delay_s": _DELAY, **plan.slurm}
            own["slurm_additional_parameters"] = {
                **plan.slurm.get("slurm_additional_parameters", {}),
                **further,
            }
            minutes = round(plan.limits.minutes or _MINUTES) or 1
            executor.update_parameters(timeout_min=minutes, **own)
            task = Task(job.words, folder / f"{job.name}.log", plan.limits.attempts, strict=True)
            numbers[job.name] = executor.submit(task).job_id
        except (RuntimeError, NameError, ValueError, submitit.core.utils.FailedJobError) as error:
            raise UserError(f"{job.name}: Slurm refused it: {error}") from None
        finally:
            with atomic_path(folder / _NUMBERS) as path:
                path.write_text(json.dumps(numbers, indent=1))
    return numbers


def _still_alive(folder: Path) -> dict[str, str]:
    """Of the jobs that were handed over before, those that wait or run."""
    import submitit

    known = read_kept(folder / _NUMBERS, TypeAdapter(dict[str, str])) or {}
    alive = {}
    for name, number in known.items():
        state = submitit.SlurmJob(folder / name, number).state
        if any(state.upper().startswith(word) for word in _ALIVE):
            alive[name] = number
    return alive
