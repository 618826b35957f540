"""What a comparison does with trainings that fail, are interrupted or are stopped."""

import threading
from pathlib import Path

import pytest

from avatar_kit.config import resolve_method
from avatar_kit.engine.comparison import cells
from avatar_kit.engine.comparison.plan import Cell
from tests.engine.plans import made


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
