"""How a training in a process of its own ends: what it saves, and its exit code."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.cli.conftest import TINY_ANR

pytestmark = pytest.mark.slow  # processes that import torch; the loop alone is in test_stopping.py


@pytest.fixture
def words(capture_folder, tmp_path):
    chosen = ("--method", "anr", "--preset", "demo", "--data", capture_folder)
    return (
        "train",
        *chosen,
        "--out",
        tmp_path / "run",
        "steps=100000",
        *TINY_ANR,
        "report_every=1",
    )


def begun(words, **streams):
    command = [sys.executable, "-m", "avatar_kit.cli.main", *map(str, words)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    return subprocess.Popen(command, text=True, env=env, **streams)


def wait_for(path, process):
    end = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)


def saved(run):
    return sorted(path.name for path in (run / "checkpoints").iterdir())


@pytest.mark.parametrize(
    ("name", "code"), [("SIGHUP", 129), ("SIGINT", 130), ("SIGUSR1", 75), ("SIGTERM", 143)]
)
def test_a_signal_saves_and_the_exit_code_tells_which(name, code, words, tmp_path):
    run = tmp_path / "run"
    with begun((*words, "checkpoint.every=100000"), stdout=subprocess.PIPE) as process:
        wait_for(run / "log.jsonl", process)
        process.send_signal(getattr(signal, name))
        text = process.communicate(timeout=60)[0]
    assert process.returncode == code
    assert "saved at step" in text and f"avatar-kit train --resume {run}" in text
    assert len(saved(run)) == 1


def test_a_closed_output_saves(words, tmp_path):
    run = tmp_path / "run"
    with begun(
        (*words, "checkpoint.every=3"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        wait_for(run / "checkpoints" / "step-000003", process)
        process.stdout.close()
        assert process.wait(timeout=120) == 128 + signal.SIGPIPE
        assert "Traceback" not in process.stderr.read()
    last = saved(run)[-1]
    state = json.loads((run / "checkpoints" / last / "state.json").read_text())
    assert state["step"] == int(last[5:])


def test_sigusr1_before_the_first_step_asks_to_be_started_again(words, tmp_path):
    with begun(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        line = process.stdout.readline()  # the panel: set up, not yet in the loop or just in it
        process.send_signal(signal.SIGUSR1)
        text = line + process.communicate(timeout=60)[0]
    assert process.returncode == 75, text
    assert "Traceback" not in text


def test_a_learning_rate_that_is_absurd_gives_up_in_one_line(words, tmp_path):
    absurd = ("optimizer.learning_rate=1e30", "checkpoint.every=1", "steps=20")
    with begun((*words, *absurd), stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        text = process.communicate(timeout=120)[0]
    assert process.returncode == 2
    assert "not finite at step" in text and "Traceback" not in text
