"""``avatar-kit compare`` and ``benchmark``, as a person runs them."""

import json
import signal

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from avatar_kit.cli.compare import run_comparison
from avatar_kit.engine.comparison.plan import Plan
from tests.cli.conftest import TINY_ANR


def test_methods_are_trained_measured_and_shown(cli, capture_folder, tmp_path):
    out = tmp_path / "comparison"
    words = ("steps=2", "checkpoint.every=2", *TINY_ANR)
    tiny = ("-m", "anr", "-m", "lost: anr networks_of=/nowhere", "--data", capture_folder)
    text = cli("compare", *tiny, "--out", out, "--threads", 1, *words, check=1)
    assert "anr, shaded, seed 0: trained" in text
    assert "lost, shaded, seed 0: failed: error: /nowhere: not a run folder" in text
    report = json.loads((out / "report.json").read_text())
    table = report["splits"]["test"]["all"]["full"]["psnr"]
    test = json.loads((out / "runs" / "anr_shaded_0" / "eval" / "test.json").read_text())
    assert table["anr"]["mean"] == pytest.approx(test["splits"]["test"]["psnr"])
    assert table["anr"]["low"] <= table["anr"]["mean"] <= table["anr"]["high"]
    assert set(table) == {"anr", "nearest_frame", "mean_frame"}
    assert report["costs"]["anr"]["parameters"] > 1000 and not report["costs"]["lost"]["seconds"]
    grid = np.asarray(Image.open(out / "shaded.png"))
    assert grid.shape[1] > 2 * 64 and grid.std() > 10
    assert (out / "shaded.mp4").stat().st_size > 0
    words = (out / "report.md").read_text()
    assert (
        "Missing: lost, shaded, seed 0 (error: /nowhere: not a run folder" in words
        and "![shaded]" in words
    )


def test_a_comparison_leaves_no_handler_of_signals(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    run_comparison(Plan(), tmp_path, 1, None, Console(quiet=True))  # nothing to train or report
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_folder_of_captures_and_a_dataset_with_values_are_named(capture_folder):
    from avatar_kit.cli.compare import capture, contender

    assert capture(str(capture_folder))[0] == "shaded"
    assert capture("studio subject=ben") == ("studio-ben", {"type": "studio", "subject": "ben"})
    assert contender("anr split=null") == ("anr split=null", {"type": "anr", "split": None})
    assert contender("one stage: anr a.b=1") == ("one stage", {"type": "anr", "a": {"b": 1}})


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("compare",), "which methods? for example"),
        (("compare", "-m", "size=3"), "expected METHOD key=value"),
        (("compare", "-m", "ram", "-m", "anr size=128"), "give one size=..."),
        (("compare", "-m", "ram", "stesp=3"), "ram: stesp: unknown key; did you mean 'steps'?"),
        (("compare", "-m", "ram", "--data", "nowhere/x"), "--data nowhere/x: no such folder"),
        (("benchmark", "capture"), "dataset 'capture' has no benchmark; these have one: studio"),
        (("benchmark", "studio", "-m", "ram size=64"), "ram size=64: the benchmark fixes size"),
        (("benchmark", "studoi"), "unknown dataset 'studoi'; did you mean 'studio'?"),
    ],
)
def test_comparisons_that_cannot_be(cli_here, tmp_path, words, says):
    assert says in cli_here(*words, check=2)
    assert not list(tmp_path.iterdir())


def test_the_benchmark_of_the_studio_is_what_it_was():
    from avatar_kit.registry import catalog

    asked = catalog().get("dataset", "studio").config.benchmark
    assert (asked.version, list(asked.captures), asked.seeds) == (
        2,
        ["ada", "ben", "cleo"],
        (0, 1, 2),
    )
    assert asked.captures["ben"]["subject"] == "ben" and asked.values["size"] == 256
