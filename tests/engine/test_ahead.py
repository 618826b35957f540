"""Reading ahead of the steps: the same values, never many of them, errors where they belong."""

import threading

import pytest

from avatar_kit.engine.ahead import STEPS_AHEAD, ReadAhead


def test_every_step_gets_its_own_value():
    with ReadAhead(lambda step: step * step, 50) as ahead:
        assert [ahead.get(step) for step in range(50)] == [step * step for step in range(50)]


def test_it_may_start_anywhere():
    with ReadAhead(lambda step: step, 9) as ahead:
        assert [ahead.get(step) for step in (6, 7, 8)] == [6, 7, 8]


def test_only_a_few_are_held_and_none_beyond_the_end():
    asked, first = [], threading.Event()

    def read(step):
        asked.append(step)
        first.set()
        return step

    with ReadAhead(read, 5) as ahead:
        ahead.get(0)
    assert first.is_set() and set(asked) <= set(range(1 + STEPS_AHEAD))
    with ReadAhead(read, 5) as ahead:
        for step in range(5):
            ahead.get(step)
    assert max(asked) == 4


def test_an_error_comes_with_its_step_and_the_thread_ends():
    def read(step):
        if step == 2:
            raise OSError("gone")
        return step

    with ReadAhead(read, 9) as ahead:
        assert ahead.get(0) == 0 and ahead.get(1) == 1
        with pytest.raises(OSError, match="gone"):
            ahead.get(2)
    assert not [t for t in threading.enumerate() if t.name.startswith("read-ahead")]
