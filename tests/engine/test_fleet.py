"""Fleets: the graph of jobs, tries and time-outs on this machine, and what Slurm is handed."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml

from avatar_kit.engine.comparison.plan import keep_plan
from avatar_kit.engine.fleet.jobs import jobs_of
from avatar_kit.engine.fleet.local import LocalFleet
from avatar_kit.engine.fleet.plan import read_fleet_plan
from avatar_kit.engine.fleet.task import Task
from avatar_kit.errors import UserError

pytest.importorskip("submitit")

SMALL = {
    "size": 64,
    "batch_size": 1,
    "steps": 4,
    "crop": {"size": 48},
    "report_every": 1,
    "encoders": {"texture": {"size": 32}},
    "renderer": {"widths": [4, 4]},
    "loss": {"feature": 0.0},
    "checkpoint": {"every": 100_000},
    "evaluation": {"max_frames": 1, "metrics": ["psnr"]},
}


@pytest.fixture
def planned(tmp_path, capture_folder):
    """``planned(**more)``: a plan file of two contenders and a video, its jobs by name."""

    def make(**more):
        (tmp_path / "me.mp4").touch()
        values = {
            "prepare": {"me": {"videos": [str(tmp_path / "me.mp4")], "options": ["--every", "2"]}},
            "contenders": {"anr": "anr", "long": {"type": "anr", "steps": 9}},
            "captures": {"tiny": {"type": "capture", "path": str(capture_folder)}},
            "values": SMALL,
            **more,
        }
        path, out = tmp_path / "plan.yaml", tmp_path / "fleet"
        path.write_text(yaml.safe_dump(values))
        plan = read_fleet_plan(path)
        jobs = jobs_of(plan, keep_plan(plan.comparison(out), out), out)
        return plan, out, {job.name: job for job in jobs}

    return make


def test_jobs_are_preparations_trainings_and_a_report(planned):
    _, out, jobs = planned(seeds=[0, 1])
    assert next(iter(jobs)) == "prepare_me" and list(jobs)[-1] == "report"
    assert len(jobs) == 1 + 2 * 2 * 2 + 1
    assert jobs["prepare_me"].words[-2:] == ("--every", "2")
    assert jobs["train_anr_me_0"].needs == ("prepare_me",)
    assert jobs["train_long_tiny_1"].needs == ()
    assert jobs["report"].patient and len(jobs["report"].needs) == 8
    config = yaml.safe_load((out / "runs" / "long_me_1.yaml").read_text())
    assert config["steps"] == 9 and config["seed"] == 1
    assert config["data"]["path"] == str(out / "captures" / "me")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"contenders": {}}, "no contenders"),
        ({"prepare": {"tiny": {"videos": ["x.mp4"]}}}, "x.mp4: no such file"),
        ({"prepare": {"me": {"videos": []}}}, "prepare.me.videos"),
        ({"limits": {"minutes": 0}}, "limits.minutes"),
        ({"limits": {"tries": 3}}, "limits.tries"),
        ({"prepare": {}, "captures": {}}, "no captures"),
    ],
)
def test_plans_that_make_no_sense_are_refused(planned, more, said):
    with pytest.raises(UserError, match=said):
        planned(**more)


def test_a_command_that_fails_is_tried_again_and_tells_why(tmp_path):
    words = ("config", "show", "--config", "missing.yaml")
    outcome = Task(words, tmp_path / "job.log", attempts=2)()
    assert outcome.code == 2 and outcome.attempts == 2
    assert "missing.yaml" in outcome.why and not (tmp_path / "job.pid").exists()


@pytest.mark.slow
def test_schedulers_are_told_by_an_exception(tmp_path):
    words = ("config", "show", "--config", "missing.yaml")
    with pytest.raises(RuntimeError, match="missing"):
        Task(words, tmp_path / "job.log", attempts=1, strict=True)()


@pytest.mark.slow
def test_a_job_that_keeps_failing_takes_with_it_only_what_needs_it(planned):
    # me.mp4 is empty: it cannot be prepared
    plan, out, jobs = planned(limits={"attempts": 2}, contenders={"anr": "anr"})
    states = run(plan, out, list(jobs.values()))
    assert states["prepare_me"][0] == "set aside" and "me.mp4" in states["prepare_me"][1]
    assert states["train_anr_me_0"] == ("set aside", "needs prepare_me, which was set aside")
    assert states["train_anr_tiny_0"][0] == "done"
    assert (out / "report.md").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes by /proc")
def test_a_killed_training_and_one_out_of_time_end_complete(planned):
    """Six jobs: one training is killed, one is told that its time is up, as a scheduler does."""
    long = {"type": "anr", "steps": 100, "checkpoint": {"every": 5}}
    plan, out, jobs = planned(
        contenders={"a": "anr", "b": "anr", "c": "anr", "killed": long, "late": long}, prepare={}
    )
    wanted = list(jobs.values())
    assert len(wanted) == 6

    def first_checkpoint(name):
        wait_for(out / "runs" / f"{name}_tiny_0" / "checkpoints" / "step-000005")
        return int((out / "jobs" / f"train_{name}_tiny_0.pid").read_text())

    def disturb():
        os.kill(first_checkpoint("killed"), signal.SIGKILL)
        training = first_checkpoint("late")
        stat = Path(f"/proc/{training}/stat").read_text()
        os.kill(int(stat.rpartition(")")[2].split()[1]), signal.SIGUSR2)  # its parent, submitit's

    disturbing = threading.Thread(target=disturb)
    disturbing.start()
    states = run(plan, out, wanted)
    disturbing.join()
    assert {state for state, _ in states.values()} == {"done"}
    log = (out / "jobs" / "train_late_tiny_0.log").read_text()
    assert "saved at step" in log and "continuing at step" in log
    assert "continuing at step" in (out / "jobs" / "train_killed_tiny_0.log").read_text()
    assert "| killed |" in (out / "report.md").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="writes shell scripts")
def test_slurm_is_handed_scripts_that_know_what_they_need(planned, tmp_path, monkeypatch):
    """Slurm's own programs are not here: scripts in their place keep what they are given."""
    from avatar_kit.engine.fleet.slurm import submit

    plan, out, jobs = planned(limits={"minutes": 30}, slurm={"slurm_partition": "gpu"})
    programs = tmp_path / "programs"
    programs.mkdir()
    sbatch = f"cat $1 >> {tmp_path}/handed; n=$(grep -c output= {tmp_path}/handed)\n"
    for name, text in {
        "sbatch": sbatch + "echo Submitted batch job $((100 + n))",
        "srun": "exit 1",
        "sacct": "echo 'JobID|State'; for n in $(seq 101 110); do echo $n'|PENDING'; done",
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    folder = out / "jobs"
    folder.mkdir()
    numbers = submit(list(jobs.values()), folder, plan)
    assert list(numbers) == list(jobs) and next(iter(numbers.values())) == "101"
    handed = (tmp_path / "handed").read_text()
    scripts = dict(zip(jobs, handed.split("#!/bin/bash")[1:], strict=True))
    train = scripts["train_anr_me_0"]
    assert f"dependency=afterok:{numbers['prepare_me']}\n" in train
    assert "--time=30" in train and "--partition=gpu" in train and "--signal=USR2@120" in train
    assert "dependency" not in scripts["train_anr_tiny_0"]
    report = ":".join(numbers[name] for name in jobs["report"].needs)
    assert f"dependency=afterany:{report}" in scripts["report"]
    assert submit(list(jobs.values()), folder, plan) == numbers, "what waits is not queued twice"
    assert (tmp_path / "handed").read_text() == handed


def test_no_slurm_is_said(planned, monkeypatch, tmp_path):
    from avatar_kit.engine.fleet.slurm import submit

    plan, out, jobs = planned()
    (out / "jobs").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="prepare_me: Slurm refused it"):
        submit(list(jobs.values()), out / "jobs", plan)


def run(plan, out, jobs):
    folder = out / "jobs"
    folder.mkdir(exist_ok=True)
    fleet = LocalFleet(jobs, folder, plan.limits, 2, 0, lambda job, record: None)
    fleet.run()
    return {name: (record.state, record.why) for name, record in fleet.records.items()}


def wait_for(path, seconds=240):
    until = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < until, path
        time.sleep(0.05)
