"""What is printed while a video is prepared."""

import io

import pytest
from rich.console import Console

from avatar_kit.tracking import terminal
from avatar_kit.tracking.terminal import SHARES, StageProgress, spell


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 0.0

        def perf_counter(self):
            return self.now

    found = Clock()
    monkeypatch.setattr(terminal, "time", found)
    return found


def lines(clock, run, **options):
    text = io.StringIO()
    with StageProgress(Console(file=text, width=40), **options) as progress:
        run(progress)
    return text.getvalue().splitlines()


def test_a_log_has_a_line_a_stage_and_one_a_minute(clock):
    def run(progress):
        progress.start("landmarks", 1000)
        for done in range(1000):
            clock.now += 0.2
            progress.step(done + 1)
        progress.finish("person in 100%, face in 100%, hands in 98% of the frames [of all]")

    found = lines(clock, run)
    assert [line.split()[1] for line in found] == ["landmarks:"] * 3 + ["landmarks"]
    assert "300 of 1000" in found[0] and found[3].endswith("of the frames [of all]  200 s")


def test_the_time_left_is_that_of_the_whole(clock):
    """By the pace of the stage at work and the usual shares of those to come."""
    rest = sum(share for stage, share in SHARES.items() if stage != "landmarks")

    def run(progress):
        progress.start("landmarks", 100)
        clock.now += 60
        progress.step(10)  # ten minutes for all
        clock.now += 540
        progress.finish("")
        progress.start("fit", 100)
        clock.now += 300
        progress.step(25)  # twenty minutes for all

    found = lines(clock, run)
    assert found[0] == f"  … landmarks: 10 of 100  about {spell(540 + 600 * rest)} left"
    later = 600 * (rest - SHARES["fit"])
    assert found[2] == f"  … fit: 25 of 100  about {spell(900 + later)} left"


def test_nothing_is_claimed_that_is_not_known(clock):
    def run(progress):
        progress.start("landmarks", 10)
        progress.finish("", cached=True)
        progress.start("fit", 100)
        clock.now += 1
        progress.step(1)
        clock.now += 99
        progress.step(50)

    found = lines(clock, run, lines_every=1)
    assert found[1:] == ["  … fit: 1 of 100  ", "  … fit: 50 of 100  2 min left of this stage"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (1, "10 s"),
        (44, "40 s"),
        (58, "1 min"),
        (150, "2 min"),
        (3599, "1 h 0 min"),
        (4900, "1 h 22 min"),
    ],
)
def test_times_are_round(seconds, said):
    assert spell(seconds) == said
