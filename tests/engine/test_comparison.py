"""The report of comparisons, their plans, and what is done with trainings that end badly."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest

from avatar_kit.config import resolve_method
from avatar_kit.engine.comparison import cells, figures
from avatar_kit.engine.comparison.markdown import report
from avatar_kit.engine.comparison.pictures import error_map
from avatar_kit.engine.comparison.plan import Cell, Plan, keep_plan, read_plan
from avatar_kit.errors import UserError


def test_efficiency_of_perfect_pictures_from_one_parameter_is_one():
    assert figures.efficiency(0.0, 1.0, (0.3, 1e6)) == pytest.approx(1.0)
    assert figures.efficiency(0.3, 1e3, (0.3, 1e6)) == 0
    assert figures.efficiency(0.15, 1e3, (0.3, 1e6)) == pytest.approx(0.25)


def test_the_error_map_goes_from_black_over_red_to_white():
    truth, picture = np.zeros((1, 3, 3), np.uint8), np.zeros((1, 3, 3), np.uint8)
    picture[0, 1], picture[0, 2] = 25, 255
    assert error_map(truth, picture)[0].tolist() == [[0, 0, 0], [250, 0, 0], [255, 255, 255]]


PLAN = {
    "contenders": {"ram": "ram", "anr": {"type": "anr", "preset": "demo"}},
    "captures": {"ada": "studio", "ben": {"type": "studio", "subject": "ben"}},
    "seeds": [0, 1],
    "values": {"size": 256},
}


def made(**changes):
    base = {
        **PLAN,
        "contenders": {"ram": {"type": "ram"}, "anr": {"type": "anr", "preset": "demo"}},
    }
    captures = {"ada": {"type": "studio"}, "ben": {"type": "studio", "subject": "ben"}}
    return Plan.model_validate({**base, "captures": captures, **changes})


def test_a_plan_is_read_from_yaml_and_written_back(tmp_path):
    file = tmp_path / "plan.yaml"
    file.write_text(json.dumps(PLAN))
    plan = read_plan(file)
    assert plan.contenders["ram"] == {"type": "ram"} and plan.captures["ada"] == {"type": "studio"}
    assert keep_plan(plan, tmp_path / "out") == plan == read_plan(tmp_path / "out" / "plan.yaml")
    slugs = [cell.slug for cell in plan.cells()]
    assert len(set(slugs)) == 8 and slugs[0] == "ram_ada_0"
    config = plan.config(Cell("anr", "ben", 1))
    found = (config.type, config.seed, config.size, config.data.subject)
    assert found == ("anr", 1, 256, "ben")


def test_a_comparison_may_grow(tmp_path):
    out = tmp_path / "out"
    keep_plan(made(seeds=(0,)), out)
    more = made(seeds=(2,), contenders={"dnr": {"type": "dnr", "preset": "demo"}})
    grown = keep_plan(more, out)
    assert list(grown.contenders) == ["ram", "anr", "dnr"] and grown.seeds == (0, 2)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"contenders": {"x": {"type": "ram", "stesp": 3}}}, "x: stesp: unknown key; did you mean"),
        ({"contenders": {"x": {"type": "rma"}}}, "x: unknown method 'rma'; did you mean 'ram'"),
        ({"captures": {"c": {"type": "studio", "subject": "eve"}}}, "ram: data.subject"),
        ({"values": {}}, "anr uses size=256, ram uses size=1024"),
        (
            {"contenders": {"x": {"type": "ram"}, "y": {"type": "ram", "evaluation.x": 1}}},
            "y: evaluation.x: unknown key",
        ),
        (
            {
                "contenders": {
                    "x": {"type": "ram"},
                    "y": {"type": "ram", "evaluation": {"max_frames": 2}},
                }
            },
            "y and x differ in 'evaluation'",
        ),
        (
            {
                "contenders": {"splat": {"type": "splat"}, "ram": {"type": "ram"}},
                "values": {"encoders": {"cloud": {"points": 60}}},
            },
            "^ram: .*; the values encoders apply to every method: give values for one method",
        ),
        (
            {"captures": {"a b": {"type": "studio"}, "a-b": {"type": "studio", "subject": "ben"}}},
            "'ram, a b, seed 0' and 'ram, a-b, seed 0' would share the folder runs/ram_a-b_0",
        ),
    ],
)
def test_plans_that_cannot_be_leave_nothing(changes, says, tmp_path):
    with pytest.raises(UserError, match=says.replace("(", r"\(")):
        keep_plan(made(**changes), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"values": {"size": 128}}, "'values' was .*256.* before, not .*128"),
        ({"contenders": {"ram": {"type": "anr"}}}, "'ram' of contenders was defined differently"),
        ({"benchmark": "studio-1"}, "'benchmark' was None before, not studio-1"),
    ],
)
def test_a_comparison_does_not_change_its_mind(changes, says, tmp_path):
    out = tmp_path / "out"
    keep_plan(made(), out)
    before = (out / "plan.yaml").read_text()
    with pytest.raises(UserError, match=says):
        keep_plan(made(**changes), out)
    assert (out / "plan.yaml").read_text() == before


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(UserError, match=r"not empty and not a comparison \(no plan.yaml\)"):
        keep_plan(made(), tmp_path)


def test_a_plan_file_names_the_key(tmp_path):
    file = tmp_path / "plan.yaml"
    file.write_text("contenders: {a: ram}\nseed: 3\n")
    with pytest.raises(UserError, match=r"plan\.yaml: seed: unknown key; did you mean 'seeds'"):
        read_plan(file)
    file.write_text("contenders: {a: {preset: demo}}\n")
    with pytest.raises(
        UserError, match=r"contenders.a.type: expected the name of a method, got None"
    ):
        read_plan(file)


@pytest.mark.parametrize(("name", "count"), [("ablation_ram", 8), ("ablation_anr", 7)])
def test_the_plans_of_the_project_can_be_trained(name, count):
    plan = read_plan(Path(__file__).parents[2] / "benchmarks" / f"{name}.yaml")
    plan.check()
    configs = [plan.config(cell) for cell in plan.cells() if cell.seed == 0]
    assert len({config.model_dump_json() for config in configs}) == count


class Process:
    """Stands in for a training that ``outcome(run, words)`` describes."""

    outcome = None

    def __init__(self, command, stdout, **_):
        words = command[command.index("train") + 1 :]
        run = Path(words[words.index("--out") + 1])
        self.done = type(self).outcome(run, words, stdout)

    def wait(self):
        return 0


@pytest.fixture
def trainings(monkeypatch, tmp_path):
    plan = made(seeds=(0,), captures={"ada": {"type": "studio"}})

    def run(outcome):
        Process.outcome = staticmethod(outcome)
        monkeypatch.setattr(cells.subprocess, "Popen", Process)
        told = {}
        work = cells.Trainings(plan, tmp_path, workers=2, threads=1)
        work.run(lambda cell, how: told.__setitem__(cell.contender, how))
        return told

    return plan, tmp_path, run


def finish(run):
    run.mkdir(parents=True, exist_ok=True)
    (run / "summary.json").write_text("{}")


def test_one_failure_does_not_lose_the_rest_and_is_tried_again(trainings):
    plan, out, run = trainings

    def fails(folder, words, log):
        if "ram" in folder.name:
            log.write("loading\nerror: out of paint\n")
        else:
            finish(folder)

    assert run(fails) == {"ram": "failed", "anr": "trained"}
    assert cells.why_failed(out, Cell("ram", "ada", 0)) == "error: out of paint"
    assert run(lambda folder, *_: finish(folder)) == {"ram": "trained", "anr": "kept"}
    config = resolve_method("ram", file=out / "runs" / "ram_ada_0.yaml").config
    assert config == plan.config(Cell("ram", "ada", 0))


def test_what_was_interrupted_is_resumed(trainings):
    _, out, run = trainings
    begun = out / "runs" / "ram_ada_0" / "checkpoints" / "step-000004"
    begun.mkdir(parents=True)
    (begun / "state.json").write_text("{}")
    said = {}

    def note(folder, words, _):
        said[folder.name] = words
        finish(folder)

    assert run(note) == {"ram": "trained", "anr": "trained"}
    for run_name, words in said.items():  # starts what has not begun, goes on with what has
        config, run_out = (str(out / "runs" / f"{run_name}{end}") for end in (".yaml", ""))
        assert words == ["--config", config, "--out", run_out, "--resume", "auto"]
    assert begun.exists()


def test_stopping_asks_what_is_still_training_to_save_and_end(trainings, monkeypatch):
    plan, out, _ = trainings
    begun, asked = threading.Event(), threading.Event()

    class Pair(Process):
        """The first ends once the second has begun; the second when it is asked to."""

        @staticmethod
        def outcome(run, *_):
            if "ram" not in run.name:
                begun.set()
            return run

        def wait(self):
            if "ram" in self.done.name:
                assert begun.wait(60)
                finish(self.done)
            else:
                assert asked.wait(60)

        def terminate(self):
            asked.set()

    monkeypatch.setattr(cells.subprocess, "Popen", Pair)

    def stop(cell, outcome):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cells.Trainings(plan, out, workers=2).run(stop)
    assert asked.is_set()


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
