"""What is not finite sends a training back to its last checkpoint, at half the rates."""

import json
import math

import pytest
import torch

from avatar_kit.config import CheckpointConfig
from avatar_kit.engine.checkpoint import latest_checkpoint, list_checkpoints
from avatar_kit.engine.people import open_views
from avatar_kit.engine.progress import Progress
from avatar_kit.engine.recovery import slowed
from avatar_kit.engine.setting_up import set_up
from avatar_kit.engine.state import restore
from avatar_kit.engine.trainer import train
from avatar_kit.errors import UserError
from avatar_kit.testing.method import state_of


class Spoiled(Progress):
    """A parameter becomes NaN after the step ``at`` was saved, so often."""

    def __init__(self, training, at, times=1):
        self.training, self.at, self.times, self.said = training, at, times, []

    def note(self, text):
        self.said.append(text)
        if text.startswith(f"step {self.at}: saved") or (self.said and "back to" in text):
            self.times -= 1
            if self.times >= 0:
                named = self.training.avatar.named_parameters()
                self.name, parameter = next(iter(named))
                parameter.data[(0,) * parameter.ndim] = math.nan


def prepared(training, **values):
    update = {"checkpoint": CheckpointConfig(every=1, keep=9), **values}
    training.config = training.config.model_copy(update=update)
    return training


def logged(training):
    return [json.loads(line) for line in training.run.log.read_text().splitlines()]


def test_it_goes_back_says_so_and_ends(training):
    spoiled = Spoiled(prepared(training), at=1)
    assert train(training, spoiled)
    assert training.step == 3 and training.rate == 0.5
    [line] = [text for text in spoiled.said if "not finite" in text]
    assert line.startswith("step 2: not finite: ") and f"parameter '{spoiled.name}'" in line
    assert line.endswith("back to step 1, learning rates x 0.5 from here on")
    [entry] = [line for line in logged(training) if "back_to" in line]
    assert (entry["step"], entry["back_to"], entry["rate"]) == (2, 1, 0.5)
    assert [path.name[-1] for path in list_checkpoints(training.run.checkpoints)] == list("123")
    assert training.returns == ({k: v for k, v in entry.items() if k not in ("rate", "time")},)


def test_resuming_after_a_return_is_exact(training):
    assert not train(prepared(training, stop_at=2), Spoiled(training, at=1))
    again = set_up(training.config, training.run, *open_views(training.config), fit=False)
    restore(again, latest_checkpoint(training.run.checkpoints)[0])
    assert again.rate == 0.5
    for one in (training, again):
        one.config = one.config.model_copy(update={"stop_at": None})
        assert train(one, Progress())
    first, second = state_of(training), state_of(again)
    assert first.keys() == second.keys()
    differ = [name for name in first if not torch.equal(first[name], second[name])]
    assert not differ


def test_after_three_returns_it_gives_up_with_all_that_is_known(training):
    spoiled = Spoiled(prepared(training), at=1, times=4)
    with pytest.raises(UserError) as error:
        train(training, spoiled)
    said = str(error.value)
    assert "not finite at step 2" in said and f"parameter '{spoiled.name}'" in said
    assert (
        "step-000001" in said and "returned to a checkpoint 3 times" in said and "--resume" in said
    )
    assert [entry["rate"] for entry in logged(training) if "back_to" in entry] == [0.5, 0.25, 0.125]
    assert [path.name[-1] for path in list_checkpoints(training.run.checkpoints)] == list("1")


def test_without_a_checkpoint_it_ends_at_once(training):
    name, parameter = next(iter(training.avatar.named_parameters()))
    parameter.data[(0,) * parameter.ndim] = math.nan
    with pytest.raises(UserError, match=rf"not finite at step 1: .*{name}.*no checkpoint was"):
        train(training, Progress())


def test_the_rate_is_halved_whatever_a_schedule_says(training):
    training.returns = ({"step": 5},)
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    with slowed(training):
        for rate in (1.0, 0.3):
            optimizer.param_groups[0]["lr"] = rate
            weight.grad = torch.ones(1)
            optimizer.step()
            assert optimizer.param_groups[0]["lr"] == rate
    assert weight.item() == pytest.approx(-0.5 * (1.0 + 0.3))
    weight.grad = torch.ones(1)
    optimizer.step()
    assert weight.item() == pytest.approx(-0.65 - 0.3)  # outside it steps at its own rate
