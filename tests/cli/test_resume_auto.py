"""``train --out RUN --resume auto``: one command that starts a run or goes on with it."""

import json
import shutil
import subprocess
import sys

import pytest

import avatar_kit as ak
from avatar_kit.engine.claim import Claim
from avatar_kit.errors import UserError
from tests.cli.conftest import TINY_ANR


@pytest.fixture
def words(capture_folder):
    chosen = ("--method", "anr", "--preset", "demo", "--data", capture_folder, "--out", "run")
    return ("train", *chosen, "--resume", "auto", "steps=4", *TINY_ANR)


def early(run):
    """What a training leaves that is killed before its first checkpoint."""
    shutil.rmtree(run / "checkpoints")
    (run / "checkpoints" / ".step-000002.part").mkdir(parents=True)
    for name in ("eval", "preview.png", "preview.mp4", "summary.json"):
        path = run / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def steps_logged(run):
    lines = map(json.loads, (run / "log.jsonl").read_text().splitlines())
    return [line["step"] for line in lines if "psnr" not in line and "seconds" not in line]


def test_the_same_command_starts_goes_on_and_is_done(cli_here, words, tmp_path):
    text = cli_here(*words, "stop_at=2")
    assert "continuing" not in text and "saved at step 2" in text
    text = cli_here(*words)
    assert "continuing at step 2 of 4" in text and "nearest frame" in text
    before = (tmp_path / "run" / "summary.json").stat().st_mtime_ns
    assert "all 4 steps are done and evaluated" in cli_here(*words)
    assert (tmp_path / "run" / "summary.json").stat().st_mtime_ns == before


def test_the_same_words_go_on_though_the_capture_decided_what_they_mean(cli_here, words, tmp_path):
    """``compare`` gives every value, ``refine: tracked`` among them."""
    assert "saved at step 2" in cli_here(*words, "refine=tracked", "stop_at=2")
    assert "refine: null" in (tmp_path / "run" / "config.yaml").read_text()
    assert "continuing at step 2 of 4" in cli_here(*words, "refine=tracked")


def test_without_options_it_goes_on_with_those_of_the_run(cli_here, words, anr_run, tmp_path):
    run = shutil.copytree(anr_run, tmp_path / "run")
    bare = ("train", "--out", run, "--resume", "auto")
    assert "continuing at step 4 of 5" in cli_here(*bare, "steps=5", "stop_at=4")
    early(run)
    text = cli_here(*bare, "steps=2", "stop_at=1")
    assert "starting again" in text and "saved at step 1" in text
    with (run / "log.jsonl").open() as log:
        assert json.loads(next(log))["step"] == 1  # nothing is left of the lost steps


def test_what_would_change_the_run_is_refused_by_its_key(cli_here, words, anr_run, tmp_path):
    run = shutil.copytree(anr_run, tmp_path / "run")
    before = (run / "config.yaml").read_bytes()
    for changed, key in (
        (("batch_size=3",), "batch_size"),
        (("--preset", "paper"), "preset"),
        (("--method", "dnr"), "type"),
    ):
        text = cli_here(*words, *changed, check=2)
        assert "a resumed run must keep" in text and key in text
    assert (run / "config.yaml").read_bytes() == before


def test_killed_before_the_first_checkpoint_all_commands_say_the_same(
    cli_here, words, anr_run, tmp_path
):
    run = shutil.copytree(anr_run, tmp_path / "run")
    early(run)
    said = "a training started here and ended before its first checkpoint; start it again with"
    for command in (("--resume", run), ("--method", "anr", "--out", run)):
        text = cli_here("train", *command, check=2)
        assert said in text and f"--out {run} --resume auto" in text
    assert "starting again" in cli_here(*words, "stop_at=1")
    assert [p.name for p in (run / "checkpoints").iterdir()] == ["step-000001"]


@pytest.mark.slow
def test_a_real_kill_before_the_first_checkpoint(cli_here, words, tmp_path):
    never = ("steps=1000", "checkpoint.every=1000", "report_every=1")
    command = [sys.executable, "-m", "avatar_kit.cli.main", *map(str, words), *never]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        while not (tmp_path / "run" / "log.jsonl").exists():
            assert process.poll() is None
        text = cli_here(*words, check=2)
        assert f"process {process.pid} on" in text and "is training here" in text
        process.kill()
    text = cli_here(*words, "stop_at=1")
    assert "starting again" in text and "saved at step 1" in text


def test_a_folder_that_is_no_run_is_left_alone(cli_here, words, tmp_path):
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / "mine.txt").write_text("precious")
    assert "the output folder is not empty" in cli_here(*words, check=2)
    assert sorted(p.name for p in run.iterdir()) == ["checkpoints", "mine.txt"]
    text = cli_here("train", "--method", "anr", "--resume", "auto", check=2)
    assert "--resume auto needs the run folder" in text


def test_a_run_that_is_claimed_keeps_its_config(cli_here, words, anr_run, tmp_path):
    run = shutil.copytree(anr_run, tmp_path / "run")
    before = (run / "config.yaml").read_bytes()
    with Claim(run):
        assert "is training here" in cli_here(*words, "steps=9", check=2)
    assert (run / "config.yaml").read_bytes() == before


def test_from_python(anr_run, tmp_path):
    run = shutil.copytree(anr_run, tmp_path / "run")
    assert ak.train(out=run, resume="auto") == run
    assert ak.train("anr", out=run, resume="auto", steps=5, stop_at=5) == run
    assert json.loads((run / "summary.json").read_text())["steps"] == 5
    with pytest.raises(UserError, match="must keep seed"):
        ak.train(out=run, resume="auto", seed=3)
    with pytest.raises(UserError, match='resume="auto" needs'):
        ak.train("anr", resume="auto")
