"""Segments against a dense twin and closed forms."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_kit.graphics import draw_segments
from avatar_kit.graphics.segments import draw_dense, draw_on_cuda

SIZE = {"height": 40, "width": 50}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(0, 12), line_width=st.floats(0.1, 9.0))
def test_equals_dense_twin(seed, count, line_width):
    torch.manual_seed(seed)
    ends = torch.rand(2, count, 4) * 80 - 20
    channel = torch.randint(0, 3, (count,))
    drawn = draw_segments(ends[..., :2], ends[..., 2:], channel, 3, line_width=line_width, **SIZE)
    expected = draw_dense(ends.double(), channel, 3, line_width, 40, 50)
    torch.testing.assert_close(drawn, expected.float(), atol=1e-5, rtol=0)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(0, 12), line_width=st.floats(0.1, 9.0))
def test_the_kernel_of_cuda_draws_the_same(seed, count, line_width):
    """On the CPU device of Warp; ends that are not finite, and ends in one place, too."""
    torch.manual_seed(seed)
    ends = torch.rand(2, count, 4) * 80 - 20
    if count:
        ends[0, 0, 1], ends[1, -1, 2:] = torch.nan, ends[1, -1, :2].clone()
    channel = torch.randint(0, 3, (count,)).tolist()
    drawn = draw_segments(ends[..., :2], ends[..., 2:], channel, 3, line_width=line_width, **SIZE)
    found = draw_on_cuda(ends, channel, 3, line_width, 40, 50)
    torch.testing.assert_close(found, drawn, atol=1e-6, rtol=0)


def test_area_is_that_of_a_capsule():
    a, b = torch.tensor([[[10.3, 12.1]]]), torch.tensor([[[38.9, 25.4]]])
    drawn = draw_segments(a, b, torch.tensor([0]), 1, line_width=5.0, **SIZE)
    expected = 5.0 * float((a - b).norm()) + math.pi * 2.5**2
    assert abs(float(drawn.sum()) - expected) < 0.01 * expected


def test_horizontal_line_has_sharp_rows():
    a, b = torch.tensor([[[5.0, 20.0]]]), torch.tensor([[[45.0, 20.0]]])
    column = draw_segments(a, b, torch.tensor([0]), 1, line_width=3.0, **SIZE)[0, 0, :, 25]
    expected = torch.zeros(40)
    expected[17:23] = torch.tensor([0.0, 0.5, 1.0, 1.0, 0.5, 0.0])
    torch.testing.assert_close(column, expected)


def test_a_point_is_a_disc_and_channels_are_apart():
    point = torch.tensor([[[20.5, 10.5], [30.5, 10.5]]])
    drawn = draw_segments(point, point, torch.tensor([1, 0]), 2, line_width=3.0, **SIZE)
    assert drawn.shape == (1, 2, 40, 50)
    assert drawn[0, 1, 10, 20] == drawn[0, 0, 10, 30] == 1
    assert drawn[0, 0, 10, 20] == drawn[0, 1, 10, 30] == 0


def test_ends_that_are_not_finite_draw_nothing():
    a = torch.tensor([[[5.0, torch.nan], [torch.inf, 3.0]]])
    drawn = draw_segments(a, a.flip(-1), torch.tensor([0, 0]), 1, line_width=3.0, **SIZE)
    assert not drawn.any()


def test_channel_out_of_range():
    a = torch.zeros(1, 1, 2)
    with pytest.raises(ValueError, match=r"channels beyond 0\.\.1"):
        draw_segments(a, a, torch.tensor([2]), 2, line_width=1.0, **SIZE)
