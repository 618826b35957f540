"""A signal at any moment of the loop: what was trained is saved, and the caller is told."""

import math
import signal
from dataclasses import replace

import pytest

from avatar_kit.config import CheckpointConfig, resolve_method
from avatar_kit.engine.checkpoint import list_checkpoints
from avatar_kit.engine.people import open_views
from avatar_kit.engine.progress import Progress
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.setting_up import set_up
from avatar_kit.engine.trainer import train
from avatar_kit.errors import UserError


class Interrupted(Progress):
    """SIGTERM comes while the loop reports the step ``at``."""

    def __init__(self, at):
        self.at = at

    def report(self, step, *told):
        super().report(step, *told)
        if step == self.at:
            signal.raise_signal(signal.SIGTERM)


@pytest.fixture
def training(capture_folder, tmp_path):
    config = resolve_method(
        "anr",
        preset="demo",
        overrides={
            "data": {"type": "capture", "path": str(capture_folder)},
            "size": 64,
            "steps": 3,
            "batch_size": 1,
            "crop": {"size": 48},
            "report_every": 1,
            "encoders": {"texture": {"size": 32}},
            "renderer": {"widths": [4, 4]},
            "loss": {"feature": 0.0},
        },
    ).config
    return set_up(config, RunFolder.create(tmp_path / "run"), *open_views(config))


def test_a_signal_after_the_step_was_counted_still_saves(training):
    assert not train(training, Interrupted(at=1))
    assert training.step == 2  # the step it came in was over: it ends after the next
    saved = list_checkpoints(training.run.checkpoints)
    assert [path.name for path in saved] == ["step-000002"]


def test_a_signal_in_the_last_step_stops_before_the_evaluation(training):
    assert not train(training, Interrupted(at=3))
    saved = list_checkpoints(training.run.checkpoints)
    assert [path.name for path in saved] == ["step-000003"]


def test_without_a_signal_the_schedule_is_done(training):
    assert train(training, Interrupted(at=None))
    assert training.step == 3


class Spoiled(Progress):
    """A parameter becomes NaN after the step ``at``."""

    def __init__(self, training, at):
        self.training, self.at = training, at

    def report(self, step, *told):
        super().report(step, *told)
        if step == self.at:
            name, parameter = next(iter(self.training.avatar.named_parameters()))
            parameter.data.view(-1)[0] = math.nan
            self.name = name


def test_what_is_not_finite_is_named_with_the_last_good_state(training):
    config = training.config.model_copy(update={"checkpoint": CheckpointConfig(every=1)})
    spoiled = Spoiled(training := replace(training, config=config), at=2)
    with pytest.raises(UserError) as error:
        train(training, spoiled)
    said = str(error.value)
    assert "not finite at step 3" in said and f"parameter '{spoiled.name}'" in said
    assert "step-000002" in said and "--resume" in said
    assert [path.name for path in list_checkpoints(training.run.checkpoints)][-1] == "step-000002"
