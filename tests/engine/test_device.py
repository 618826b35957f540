"""Devices and seeds."""

import random

import numpy as np
import pytest
import torch

from avatar_kit.engine.device import autocast, pick_device, seed_step
from avatar_kit.engine.stopping import StopSignal
from avatar_kit.errors import UserError


def draw():
    return torch.rand(2).tolist() + np.random.rand(2).tolist() + [random.random()]  # noqa: NPY002


def test_a_step_draws_the_same_whenever_it_runs():
    seed_step(3, 10)
    first = draw()
    seed_step(3, 11)
    other = draw()
    seed_step(3, 10)
    assert draw() == first != other


def test_an_unknown_or_absent_device_is_one_message():
    with pytest.raises(UserError, match="unknown device 'toaster'"):
        pick_device("toaster")
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="no CUDA device here"):
            pick_device("cuda")
        assert pick_device("auto") == torch.device("cpu")


def test_float32_is_left_alone():
    with autocast(torch.device("cpu"), "float32"):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    with autocast(torch.device("cpu"), "bfloat16"):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16


def test_the_first_signal_asks_and_the_second_ends():
    import os
    import signal

    with StopSignal() as asked:
        assert not asked
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
