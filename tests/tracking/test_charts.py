import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from avatar_kit.tracking.charts import Chart, axis, draw_chart

numbers = st.lists(st.floats(-400, 400, allow_subnormal=False), min_size=2, max_size=30)


def chart(values, **more) -> Chart:
    values = np.array(values)
    return Chart("error", np.arange(len(values)), values, [(0, len(values))], (200, 0, 0), **more)


@given(numbers)
def test_the_axis_holds_all_values_with_few_round_ticks(values):
    low, high, ticks = axis(chart(values))
    assert low <= min(values)
    assert high >= max(values)
    assert 2 <= len(ticks) <= 12
    assert ticks == sorted(ticks)


def test_the_limit_is_on_the_axis():
    low, high, _ = axis(chart([0.1, 0.2], limit=0.8))
    assert low <= 0.1
    assert high >= 0.8


def test_a_curve_is_drawn_in_its_colour_and_broken_between_clips():
    values = np.linspace(0, 1, 40)
    whole = np.asarray(draw_chart(chart(values), 300, 200)).astype(int)
    red = (whole[..., 0] - whole[..., 1]) > 100
    assert red.any(0).sum() > 180
    split = Chart("error", np.arange(40), values, [(0, 10), (30, 40)], (200, 0, 0))
    broken = np.asarray(draw_chart(split, 300, 200)).astype(int)
    assert ((broken[..., 0] - broken[..., 1]) > 100).any(0).sum() < 0.6 * red.any(0).sum()


def test_missing_values_leave_a_chart():
    assert draw_chart(chart([np.nan, np.nan, np.nan]), 200, 100).size == (200, 100)
