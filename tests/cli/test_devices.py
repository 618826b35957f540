"""``train --devices``: one avatar by two processes, as a user starts it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from avatar_kit.cli.devices import without_devices
from tests.cli.conftest import TINY_ANR

COMMAND = [sys.executable, "-m", "avatar_kit", "train"]


def test_the_option_is_taken_out_of_the_command_line():
    words = ["train", "--devices", "2", "--out", "x", "--devices=3", "steps=2"]
    assert without_devices(words) == ["train", "--out", "x", "steps=2"]


@pytest.fixture
def words(capture_folder):
    chosen = ("--method", "anr", "--preset", "demo", "--data", capture_folder, *TINY_ANR)
    return [str(word) for word in (*chosen, "batch_size=1", "report_every=1", "checkpoint.every=2")]


def run(*words, **options):
    return subprocess.run([*COMMAND, *map(str, words)], text=True, capture_output=True, **options)


def run_eval(folder):
    """What the run folder says after one process has evaluated it again."""
    words = [*COMMAND[:-1], "eval", str(folder)]
    assert subprocess.run(words, capture_output=True).returncode == 0
    return json.loads((Path(folder) / "eval" / "test.json").read_text())


def weights(folder, step):
    files = sorted((Path(folder) / "checkpoints" / f"step-{step:06d}").glob("*.safetensors"))
    return {f"{f.name} {k}": v for f in files for k, v in load_file(f).items()}


@pytest.mark.slow
def test_two_processes_train_and_resume_bit_for_bit(words, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # one process rounds as each of two does
    straight, parted = tmp_path / "straight", tmp_path / "parted"
    done = run("--devices", 2, "--out", straight, *words, "steps=4")
    assert done.returncode == 0, done.stderr
    assert "in each of 2 processes" in done.stdout
    together = json.loads((straight / "eval" / "test.json").read_text())
    assert run_eval(straight) == together, "measured by two processes as by one"
    stopped = run("--devices", 2, "--out", parted, *words, "steps=4", "stop_at=2")
    assert stopped.returncode == 0, stopped.stderr
    assert run("--devices", 2, "--resume", parted).returncode == 0
    ours, theirs = weights(straight, 4), weights(parted, 4)
    assert ours.keys() == theirs.keys() and ours
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.slow
def test_another_number_of_processes_is_said(words, tmp_path):
    out = tmp_path / "run"
    assert run("--out", out, *words, "steps=4", "stop_at=2").returncode == 0
    done = run("--devices", 2, "--resume", out)
    assert done.returncode == 0, done.stderr
    assert "processes of this run: 1 so far, 2 from now on" in " ".join(done.stdout.split())


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").exists(), reason="finds the processes by /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_dies_ends_all_with_one_message(words, tmp_path, number):
    out = tmp_path / "run"
    line = [*COMMAND, "--devices", "2", "--out", str(out), *words, "steps=100000"]
    with subprocess.Popen(line, text=True, stdout=subprocess.DEVNULL, stderr=-1) as launcher:
        until = time.monotonic() + 240
        while not any((out / "checkpoints").glob("step-*")):
            assert launcher.poll() is None and time.monotonic() < until
            time.sleep(0.1)
        started = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
        if number == signal.SIGKILL:
            os.kill(int(started[1]), number)  # the second process
        else:
            launcher.send_signal(number)
        said = launcher.communicate(timeout=120)[1]
    if number == signal.SIGKILL:
        assert launcher.returncode == 137
        assert said.count("process 2 of 2 was ended by signal 9") == 1
    else:
        assert launcher.returncode == 143 and "process" not in said
    assert not any(Path(f"/proc/{pid}").exists() for pid in started)
    assert run("--resume", out, "stop_at=1").returncode == 0, "the folder is free again"
