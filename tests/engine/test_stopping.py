"""A signal at any moment of the loop: what was trained is saved, and the caller is told."""

import errno
import os
import signal
import threading

import pytest

from avatar_kit.config import CheckpointConfig
from avatar_kit.engine.checkpoint import list_checkpoints
from avatar_kit.engine.progress import Progress
from avatar_kit.engine.stopping import handled, interrupted_by_sigterm
from avatar_kit.engine.trainer import train


class Interrupted(Progress):
    """A signal comes while the loop reports the step ``at``."""

    def __init__(self, at, number=signal.SIGTERM):
        self.at, self.number = at, number

    def report(self, step, *told):
        super().report(step, *told)
        if step == self.at:
            signal.raise_signal(self.number)


def test_a_signal_after_the_step_was_counted_still_saves(training):
    assert not train(training, Interrupted(at=1))
    assert training.step == 2  # the step it came in was over: it ends after the next
    saved = list_checkpoints(training.run.checkpoints)
    assert [path.name for path in saved] == ["step-000002"]


@pytest.mark.parametrize("name", ["SIGHUP", "SIGINT", "SIGUSR1"])
def test_every_signal_that_asks_for_the_end_saves(name, training):
    before = signal.getsignal(number := getattr(signal, name))
    assert not train(training, Interrupted(1, number))
    assert training.stopped_by == number
    assert signal.getsignal(number) == before
    assert [p.name for p in list_checkpoints(training.run.checkpoints)] == ["step-000002"]


def test_a_signal_that_is_ignored_stays_ignored(training):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert train(training, Interrupted(1, signal.SIGHUP))
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [errno.EPIPE, errno.EIO])
def test_a_closed_output_saves(number, training):
    class Closed(Progress):
        def report(self, step, *told):
            raise OSError(number, os.strerror(number))

    assert not train(training, Closed())
    assert training.stopped_by == signal.SIGPIPE
    assert [p.name for p in list_checkpoints(training.run.checkpoints)] == ["step-000002"]


def test_a_checkpoint_is_due_by_time(training):
    by_time = CheckpointConfig(every=1000, minutes=1e-6, keep=9)
    training.config = training.config.model_copy(update={"checkpoint": by_time})
    assert train(training, Progress())
    saved = [path.name for path in list_checkpoints(training.run.checkpoints)]
    assert saved == ["step-000001", "step-000002", "step-000003"]


def test_a_signal_in_the_last_step_stops_before_the_evaluation(training):
    assert not train(training, Interrupted(at=3))
    saved = list_checkpoints(training.run.checkpoints)
    assert [path.name for path in saved] == ["step-000003"]


def test_without_a_signal_the_schedule_is_done(training):
    assert train(training, Interrupted(at=None))
    assert training.step == 3


def test_handlers_are_put_back_whatever_happens():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), interrupted_by_sigterm():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before
    came = []
    with handled(lambda number, _: came.append(number), "SIGTERM", "SIGNONE"):
        signal.raise_signal(signal.SIGTERM)
    assert came == [signal.SIGTERM] and signal.getsignal(signal.SIGTERM) == before


def test_another_thread_changes_no_handler():
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work():
        with interrupted_by_sigterm():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
