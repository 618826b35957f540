"""Intervals and ranks of comparisons, against the normal law and cases that are plain."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_kit.engine.comparison import bootstrap


def column(*values):
    return np.array(values, dtype=float)[:, None]


def width(samples):
    low, high = bootstrap.interval(samples)
    return high - low


def test_intervals_of_independent_frames_are_those_of_the_normal_law():
    frames = np.random.default_rng(1).normal(20.0, 2.0, (1, 480))
    drawn = bootstrap.sample_means([{"a": frames}])["a"]
    expected = 2 * 1.96 * frames.std() / np.sqrt(480)
    assert width(drawn) == pytest.approx(expected, rel=0.2)
    assert drawn.mean() == pytest.approx(frames.mean(), abs=0.02)


def test_frames_that_resemble_their_neighbours_count_less():
    rng = np.random.default_rng(2)
    each = rng.normal(size=(1, 40)).repeat(12, axis=1)  # 12 equal frames in a row: n is 40
    expected = 2 * 1.96 * each.std() / np.sqrt(40)
    assert width(bootstrap.sample_means([{"a": each}])["a"]) == pytest.approx(expected, rel=0.25)


def test_frames_hard_for_everybody_cancel_in_a_difference():
    rng = np.random.default_rng(3)
    hard = rng.normal(0, 5, (1, 96))
    values = {"a": hard + 1, "b": hard + rng.normal(0, 0.1, (1, 96))}
    means = {name: float(v.mean()) for name, v in values.items()}
    drawn = bootstrap.sample_means([values])
    assert width(drawn["a"]) > 1
    assert bootstrap.rank(means, drawn, higher_is_better=True) == {"a": 1, "b": 2}
    assert bootstrap.rank(means, drawn, higher_is_better=False) == {"b": 1, "a": 2}


def test_seeds_that_scatter_make_a_tie():
    rng = np.random.default_rng(4)
    frames = rng.normal(0, 0.01, (1, 48))
    values = {"a": frames + column(1, 3, 2.2), "b": frames + column(1.5, 2, 2.4)}
    means = {name: float(v.mean()) for name, v in values.items()}
    ranks = bootstrap.rank(means, bootstrap.sample_means([values]), higher_is_better=True)
    assert ranks == {"a": 1, "b": 1}


def test_a_rank_is_shared_with_its_best_and_the_next_one_counts_on():
    steady = np.linspace(-0.1, 0.1, 2000)
    noisy = np.random.default_rng(5).normal(0, 1, 2000)
    means = {"c": 5.0, "a": 9.0, "b": 8.9}
    drawn = {"a": 9 + steady, "b": 8.9 + noisy, "c": 5 + steady}
    assert bootstrap.rank(means, drawn, higher_is_better=True) == {"a": 1, "b": 1, "c": 3}


def test_frames_without_a_value_are_left_out():
    values = np.full((2, 24), 3.0)
    values[:, ::7] = np.nan
    assert bootstrap.sample_means([{"a": values}])["a"] == pytest.approx(np.full(2000, 3.0))


@given(st.integers(1, 60))
def test_drawn_frames_are_stretches(frames):
    drawn = bootstrap.draw_frames(frames, np.random.default_rng(0), 50)
    assert drawn.shape == (50, frames) and drawn.min() >= 0 and drawn.max() < frames
    steps = np.diff(drawn, axis=1) % frames
    if frames >= 48:
        assert (steps == 1).mean() > 0.85
