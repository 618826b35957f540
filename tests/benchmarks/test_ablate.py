"""The ablation loop: what is finished stays, what fails is told, the table is right."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "ablate.py"


@pytest.fixture(scope="module")
def ablate():
    spec = importlib.util.spec_from_file_location("ablate", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_run(folder, psnr):
    (folder / "eval").mkdir(parents=True)
    metrics = {"psnr": {"higher_is_better": True}, "lpips": {"higher_is_better": False}}
    scores = {"n": 3, "psnr": psnr - 5, "lpips": None, "person": {"psnr": psnr, "lpips": None}}
    test = {"protocol": {"metrics": metrics}, "splits": {"in_distribution": scores}}
    (folder / "eval" / "test.json").write_text(json.dumps(test))
    (folder / "summary.json").write_text(json.dumps({"seconds": 10.0}))


@pytest.fixture
def loop(ablate, monkeypatch, tmp_path, capsys):
    """Run the loop with a training that ``outcome(words)`` stands in for."""

    def run(outcome, *words):
        calls = []

        def fake(command, **_):
            calls.append(command[command.index("train") + 1 :])
            outcome(calls[-1])

        monkeypatch.setattr(ablate.subprocess, "run", fake)
        monkeypatch.setattr(sys, "argv", ["ablate.py", "--out", str(tmp_path), *words])
        return ablate.main(), calls, capsys.readouterr().out

    return run


def folder_of(words):
    name = "--resume" if "--resume" in words else "--out"
    return Path(words[words.index(name) + 1])


def test_mean_spread_and_difference_are_paired_by_seed(loop, tmp_path):
    psnr = {"full-0": 20.0, "full-1": 22.0, "without-face-0": 19.0, "without-face-1": 20.0}
    words = ("--seeds", "0,1", "--only", "full", "--only", "without face")
    code, calls, _ = loop(lambda w: write_run(folder_of(w), psnr[folder_of(w).name]), *words)
    assert code == 0
    assert len(calls) == 4
    table = json.loads((tmp_path / "ablation.json").read_text())
    person = table["variants"]["without face"]["splits"]["in_distribution"]["person"]
    assert person["psnr"]["mean"] == 19.5
    assert person["psnr"]["spread"] == pytest.approx(0.5**0.5)
    assert person["psnr"]["to_full"]["mean"] == -1.5
    assert "lpips" not in person
    text = (tmp_path / "ablation.md").read_text()
    assert "| without face | 19.50 ± 0.71 (-1.50) | n/a | 2 |" in text
    assert "| full | 21.00 ± 1.41 | n/a | 2 |" in text


def test_a_failure_does_not_lose_the_rest_and_is_tried_again(loop, tmp_path):
    def outcome(words):
        if folder_of(words).name != "full-0":
            write_run(folder_of(words), 20.0)

    words = ("--seeds", "0", "--only", "full", "--only", "without hands")
    code, calls, text = loop(outcome, *words)
    assert code == 1
    assert "failed: full, seed 0" in " ".join(text.split())
    assert (tmp_path / "full-0.log").exists()
    code, calls, text = loop(lambda w: write_run(folder_of(w), 21.0), *words)
    assert code == 0
    assert [folder_of(c).name for c in calls] == ["full-0"]
    assert "without hands, seed 0: kept" in text


def test_an_interrupted_run_is_resumed(loop, tmp_path):
    (tmp_path / "full-3" / "checkpoints" / "step-000100").mkdir(parents=True)
    _, calls, _ = loop(lambda w: None, "--seeds", "3", "--only", "full")
    assert calls == [["--resume", str(tmp_path / "full-3")]]


def test_options_and_values_reach_every_training(loop):
    words = (
        "--size",
        "128",
        "--steps",
        "9",
        "--seeds",
        "4",
        "--only",
        "without hands",
        "average=3",
    )
    _, ((*call,),), _ = loop(lambda w: None, *words, "--preset", "light")
    assert call[call.index("--preset") + 1] == "light"
    wanted = ["seed=4", "size=128", "steps=9", "average=3", "encoders.hands=null", "loss.hand=0"]
    assert call[-6:] == wanted


def test_a_folder_of_other_settings_is_refused(loop):
    loop(lambda w: None, "--seeds", "0", "--only", "full")
    with pytest.raises(SystemExit, match="made with other settings"):
        loop(lambda w: None, "--seeds", "0", "--only", "full", "steps=7")
