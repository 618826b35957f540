"""``avatar-kit fleet``."""

from __future__ import annotations

import importlib.util
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avatar_kit.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from avatar_kit.engine.fleet.jobs import Job
    from avatar_kit.engine.fleet.plan import FleetPlan

HELP = """Prepare, train and compare many avatars as jobs, here or on a Slurm cluster.

[dim]avatar-kit fleet plan.yaml --out fleets/first[/dim]   here, one job at a time

[dim]avatar-kit fleet plan.yaml --out fleets/first --on slurm[/dim]

Run the same command again to continue: finished jobs are kept, failed jobs are tried again.
"""


class Place(StrEnum):
    """Where the jobs run."""

    local = "local"
    slurm = "slurm"


def fleet(
    plan: Annotated[
        Path,
        typer.Argument(
            help="YAML file: prepare, contenders, captures, seeds, values, limits, slurm."
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for captures, runs, logs and the report.")
    ],
    on: Annotated[Place, typer.Option("--on", help="Where the jobs run.")] = Place.local,
    workers: Annotated[
        int,
        typer.Option(
            "--workers", min=1, help="Number of jobs that run at the same time, with --on local."
        ),
    ] = 1,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print the jobs and their commands without running them."),
    ] = False,
) -> None:
    """Run a fleet."""
    from rich.console import Console

    from avatar_kit.engine.comparison.plan import keep_plan
    from avatar_kit.engine.fleet.jobs import jobs_of
    from avatar_kit.engine.fleet.plan import read_fleet_plan

    if importlib.util.find_spec("submitit") is None:
        raise UserError(
            "fleet needs the package submitit, which is not installed: run  pip install "
            '"avatar-kit[fleet]"'
        )
    wanted, console = read_fleet_plan(plan), Console()
    comparison = wanted.comparison(out)
    if dry_run:
        comparison.check()
        for job in jobs_of(wanted, comparison, out, write=False):
            print_job(job, console)
        return
    jobs = list(jobs_of(wanted, keep_plan(comparison, out), out))
    if on is Place.slurm:
        _on_slurm(jobs, out, wanted, console)
    else:
        _here(jobs, out, wanted, workers, console)


def print_job(job: Job, console: Console) -> None:
    """One line or two: its name, what it needs, its command."""
    needs = f"  after {', '.join(job.needs)}" if job.needs else ""
    console.print(f"[bold]{job.name}[/]{needs}", highlight=False, soft_wrap=True)
    console.print(
        f"  avatar-kit {' '.join(job.words)}", highlight=False, markup=False, soft_wrap=True
    )


def _here(jobs: list[Job], out: Path, plan: FleetPlan, workers: int, console: Console) -> None:
    import torch

    from avatar_kit.engine.fleet.local import LocalFleet, Record
    from avatar_kit.engine.stopping import interrupted_by_sigterm

    folder = out / "jobs"
    folder.mkdir(exist_ok=True)

    def tell(job: Job, record: Record) -> None:
        log = "" if record.state != "set aside" else f"  ({folder / job.name}.log)"
        why = f": {record.why}" if record.why else ""
        state = (
            "another process trains it; waiting" if record.state == "elsewhere" else record.state
        )
        console.print(
            f"{job.name}: {state}{why}{log}", highlight=False, markup=False, soft_wrap=True
        )

    gpus = torch.cuda.device_count()
    running = LocalFleet(jobs, folder, plan.limits, workers, gpus, tell)
    try:
        with interrupted_by_sigterm():
            running.run()
    except KeyboardInterrupt:
        console.print("stopped; run the same command again to continue", highlight=False)
        raise typer.Exit(130) from None
    states = [record.state for record in running.records.values()]
    lost = sum(state not in ("done", "kept") for state in states)
    console.print(
        f"{len(jobs) - lost} of {len(jobs)} jobs done; the report: {out / 'report.md'}",
        highlight=False,
        soft_wrap=True,
    )
    if lost:
        raise typer.Exit(1)


def _on_slurm(jobs: list[Job], out: Path, plan: FleetPlan, console: Console) -> None:
    from avatar_kit.engine.fleet.slurm import submit

    folder = out / "jobs"
    folder.mkdir(exist_ok=True)
    numbers = submit(jobs, folder, plan)
    for job in jobs:
        state = f"Slurm job {numbers[job.name]}" if job.name in numbers else "done before"
        console.print(f"{job.name}: {state}", highlight=False, soft_wrap=True)
    console.print(
        f"follow them with  squeue --me  and the logs in {folder}; the same command again queues "
        "what failed",
        highlight=False,
        soft_wrap=True,
    )
