"""The report of comparisons."""

import json

import numpy as np
import pytest

from avatar_kit.engine.comparison import figures
from avatar_kit.engine.comparison.markdown import report
from avatar_kit.engine.comparison.pictures import error_map
from avatar_kit.engine.comparison.plan import Cell
from avatar_kit.errors import UserError
from tests.engine.plans import made


def test_efficiency_of_perfect_pictures_from_one_parameter_is_one():
    assert figures.efficiency(0.0, 1.0, (0.3, 1e6)) == pytest.approx(1.0)
    assert figures.efficiency(0.3, 1e3, (0.3, 1e6)) == 0
    assert figures.efficiency(0.15, 1e3, (0.3, 1e6)) == pytest.approx(0.25)


def test_the_error_map_goes_from_black_over_red_to_white():
    truth, picture = np.zeros((1, 3, 3), np.uint8), np.zeros((1, 3, 3), np.uint8)
    picture[0, 1], picture[0, 2] = 25, 255
    assert error_map(truth, picture)[0].tolist() == [[0, 0, 0], [250, 0, 0], [255, 255, 255]]


METRICS = {
    "psnr": {"higher_is_better": True, "unit": "dB", "weights_sha256": None},
    "dream": {
        "higher_is_better": False,
        "unit": "",
        "weights_sha256": None,
        "unavailable": "weights are missing",
    },
}


def write_run(out, cell, psnr, frames=24, **protocol):
    """The files that a training leaves, with a PSNR that wiggles around a mean."""
    run = out / "runs" / cell.slug
    (run / "eval").mkdir(parents=True)
    values = [psnr + 0.3 * (-1) ** k for k in range(frames)]
    scores = {"psnr": psnr, "dream": None}
    lower = {"psnr": psnr - 9, "dream": None}
    split = {"n": frames, "novelty": "novel pose", **scores, "person": scores}
    split["baselines"] = {"mean_frame": {**lower, "person": lower}}
    about = {
        "version": 1,
        "capture": cell.capture,
        "capture_key": f"key of {cell.capture}",
        "crop": [0, 0, 9],
        "height": 9,
        "size": [7, 9],
        "background": "as recorded",
        "max_frames": None,
        "metrics": METRICS,
        **protocol,
    }
    test = {"protocol": about, "splits": {"test": split}}
    summary = {"steps": 10, "seconds": 5.0, "parameters": 1000, "milliseconds": 4.0}
    regions = {"test": {"full": {"psnr": values}, "person": {"psnr": values}}}
    for name, content in (
        ("eval/test.json", test),
        ("eval/frames.json", regions),
        ("summary.json", summary),
    ):
        (run / name).write_text(json.dumps(content))


def test_the_report_has_means_ranks_and_what_is_missing(tmp_path):
    plan = made()
    for cell in plan.cells():
        if cell != Cell("anr", "ben", 1):
            write_run(tmp_path, cell, {"ram": 30, "anr": 25}[cell.contender] + cell.seed)
    summary = figures.summarise(figures.gather(plan, tmp_path))
    found = summary["splits"]["test"]["all"]["full"]["psnr"]
    assert found["ram"]["mean"] == pytest.approx(30.5)
    assert found["ram"]["spread"] == pytest.approx(np.sqrt(0.5))
    assert found["anr"]["mean"] == pytest.approx((25.5 + 25) / 2)
    assert (found["ram"]["rank"], found["anr"]["rank"]) == (1, 2)
    assert found["ram"]["low"] < 30.5 < found["ram"]["high"]
    assert found["mean_frame"] == {"mean": 21.0, "baseline": True}
    difference = found["anr"]["difference"]
    assert difference["to"] == "ram" and difference["mean"] == pytest.approx(25.25 - 30.5)
    assert difference["low"] < -5.25 < difference["high"] < 0
    one = summary["splits"]["test"]["captures"]["ben"]["full"]["psnr"]["anr"]
    assert one["mean"] == 25 and one["trainings"] == 1
    text = report(summary, {"ada": ["ada.png", "ada.mp4"]})
    assert "Difference to ram:" in text and "| anr | **-5.25** [" in text
    assert "| ram | **30.50** [" in text and "(2) | n/a |" in text
    assert "Not started: 1 of the trainings." in text and "Missing" not in text
    assert "dream: weights are missing." in text and "![ada](ada.png)" in text


def test_a_method_that_lacks_a_capture_gets_no_mean_over_all(tmp_path):
    plan = made(seeds=(0,))
    for cell in plan.cells():
        if cell != Cell("anr", "ben", 0):
            write_run(tmp_path, cell, 30)
    found = figures.summarise(figures.gather(plan, tmp_path))["splits"]["test"]
    assert "anr" not in found["all"]["full"]["psnr"]
    assert found["captures"]["ada"]["full"]["psnr"]["anr"]["mean"] == 30


def test_a_capture_without_held_out_frames_is_said(tmp_path):
    plan = made(seeds=(0,), captures={"ada": {"type": "studio"}})
    for cell in plan.cells():
        write_run(tmp_path, cell, 30)
        file = tmp_path / "runs" / cell.slug / "eval" / "test.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "splits": {}}))
    text = report(figures.summarise(figures.gather(plan, tmp_path)), {})
    assert "Missing: ram, ada, seed 0 (the capture has no held-out split" in text


def test_figures_measured_otherwise_are_refused(tmp_path):
    plan = made(seeds=(0,))
    for cell in plan.cells():
        write_run(tmp_path, cell, 30, size=9 if cell.contender == "ram" else 8)
    with pytest.raises(UserError, match=r"anr_ada_0: not measured like .*ram_ada_0 \(size\)"):
        figures.gather(plan, tmp_path)


def without(*keys):
    """Takes a key out of nested values."""

    def change(values):
        owner = values
        for key in keys[:-1]:
            owner = owner[key]
        del owner[keys[-1]]

    return change


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("eval/test.json", without("protocol"), "protocol: is required"),
        (
            "eval/test.json",
            without("protocol", "metrics", "psnr", "higher_is_better"),
            "is required",
        ),
        ("eval/test.json", without("splits", "test", "psnr"), "splits.test: no value of 'psnr'"),
        (
            "eval/test.json",
            without("splits", "test", "baselines", "mean_frame", "person", "psnr"),
            "splits.test.baselines.mean_frame: no value of 'psnr'",
        ),
        (
            "eval/test.json",
            lambda values: values["splits"]["test"]["person"].update(psnr="good"),
            "splits.test.person.psnr: expected a number",
        ),
        (
            "eval/test.json",
            lambda values: values["splits"]["test"]["person"].update(psnr="30"),
            "splits.test.person.psnr: expected a number",
        ),
        ("eval/frames.json", without("test", "person"), "a value for each of the 24 frames"),
        (
            "eval/frames.json",
            lambda values: values["test"]["full"]["psnr"].pop(),
            "a value for each of the 24 frames",
        ),
        ("summary.json", without("seconds"), "seconds: is required"),
    ],
)
def test_damaged_files_of_a_training_are_named(name, change, says, tmp_path):
    plan = made(seeds=(0,), captures={"ada": {"type": "studio"}})
    for cell in plan.cells():
        write_run(tmp_path, cell, 30)
    file = tmp_path / "runs" / "ram_ada_0" / name
    values = json.loads(file.read_text())
    change(values)
    file.write_text(json.dumps(values))
    with pytest.raises(UserError, match=f"ram_ada_0/{name}: .*{says}"):
        figures.gather(plan, tmp_path)


def test_the_hash_of_a_benchmark_covers_the_way_of_measuring_and_not_the_machine(tmp_path):
    def digest(name, seeds=(0,), **protocol):
        plan = made(seeds=seeds, benchmark="studio-1")
        for cell in plan.cells():
            write_run(tmp_path / name, cell, 30, **protocol)
        return figures.protocol(figures.gather(plan, tmp_path / name))["hash"]

    first = digest("a")
    assert digest("b", capture_key="another processor's film") == first
    elsewhere = {**METRICS["dream"], "unavailable": "no /home/me/weights"}
    assert digest("f", metrics={**METRICS, "dream": elsewhere}) == first
    assert len({first, digest("c", version=2), digest("d", seeds=(1,)), digest("e", height=8)}) == 4
