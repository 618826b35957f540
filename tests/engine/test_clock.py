"""The pace that a training reports."""

import pytest

from avatar_kit.engine import journal


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(journal.time, "perf_counter", lambda: now[0])
    made = journal.Clock(before=7.0)

    def steps(count, seconds):
        for _ in range(count):
            with made:
                now[0] += seconds
        return made

    return steps


def test_the_pace_is_that_of_late(clock):
    assert clock(1, 20.0).rate == pytest.approx(1 / 20), "the first step compiles"
    assert clock(10, 0.5).rate == pytest.approx(2.0), "and does not count after it"
    assert clock(200, 0.5).rate == pytest.approx(2.0)
    assert clock(16, 2.0).rate == pytest.approx(0.5), "half a minute after a slow-down"
    assert clock(1, 2.0).seconds == pytest.approx(7 + 20 + 105 + 34)


def test_of_slow_steps_some_count_whatever_they_took(clock):
    assert clock(12, 100.0).rate == pytest.approx(0.01)
