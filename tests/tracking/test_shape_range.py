"""Shape values and the free numbers that stand for them."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avatar_kit.tracking.shape_range import ShapeRange


@given(low=st.floats(-5, 5), width=st.floats(0.1, 10), share=st.floats(0.02, 0.98))
def test_free_numbers_stand_for_values(low, width, share):
    limits = ShapeRange((low, low + width))
    values = torch.tensor([low + share * width], dtype=torch.float64)
    torch.testing.assert_close(limits.values(limits.free(values)), values)
    far = limits.values(torch.tensor([-50.0, 50.0], dtype=torch.float64))
    assert (far >= low - 1e-9).all() and (far <= low + width + 1e-9).all()


def test_unbounded_values_are_free_as_they_are():
    limits = ShapeRange((-math.inf, math.inf))
    values = torch.tensor([-4.0, 0.0, 7.0])
    assert torch.equal(limits.free(values), values) and torch.equal(limits.inside(values), values)
    assert limits.width == pytest.approx(6.0)
