import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_kit.io.timeline import frame_rate, is_constant, resample_nearest


@pytest.mark.parametrize(("fps", "tick"), [(30.0, 1e-3), (25.0, 1e-3), (29.97, 1 / 90_000)])
def test_rate_through_a_coarse_clock(fps, tick):
    times = np.round(np.arange(200) / fps / tick) * tick
    assert frame_rate(times, tick) == pytest.approx(fps, rel=2e-3)
    assert is_constant(times, fps, tick)


def test_pauses_do_not_change_the_usual_rate():
    steps = np.full(100, 1 / 30)
    steps[[20, 60]] = 0.5
    times = np.concatenate([[0], np.cumsum(steps)])
    assert frame_rate(times, 0) == pytest.approx(30)
    assert not is_constant(times, 30, 0)


def test_constant_rate_maps_to_itself():
    times = 3.2 + np.arange(50) / 24
    np.testing.assert_array_equal(resample_nearest(times, 24), np.arange(50))


def test_one_frame():
    np.testing.assert_array_equal(resample_nearest(np.array([1.5]), 30), [0])


@given(
    st.lists(st.floats(0.001, 0.2), min_size=1, max_size=40),
    st.floats(5, 60),
)
def test_every_slot_takes_its_nearest_frame(steps, fps):
    times = np.concatenate([[0.0], np.cumsum(steps)])
    chosen = resample_nearest(times, fps)
    slots = np.arange(len(chosen)) / fps
    distance = np.abs(times[None] - slots[:, None])
    np.testing.assert_allclose(distance[np.arange(len(chosen)), chosen], distance.min(1))
    assert np.all(np.diff(chosen) >= 0)
    assert abs(slots[-1] - times[-1]) <= 0.5 / fps + 1e-9
