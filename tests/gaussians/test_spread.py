"""Points that are chosen evenly, against the definition."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_kit.gaussians import farthest_points


@settings(max_examples=30, deadline=None)
@given(total=st.integers(1, 60), seed=st.integers(0, 10**6))
def test_each_is_the_farthest_from_those_before(total, seed):
    points = torch.rand(total, 3, generator=torch.Generator().manual_seed(seed))
    chosen = farthest_points(points, total).tolist()
    assert sorted(chosen) == list(range(total))
    apart = torch.cdist(points, points)
    for i in range(1, total):
        away = apart[:, chosen[:i]].min(1).values
        assert away[chosen[i]] >= away.max() - 1e-6


def test_on_a_line_the_ends_come_first():
    points = torch.tensor([[x, 0.0, 0.0] for x in (0.0, 0.1, 0.2, 0.49, 1.0)])
    assert farthest_points(points, 3).tolist() == [0, 4, 3]


def test_more_than_there_are_is_refused():
    with pytest.raises(ValueError, match="4 of 3 points"):
        farthest_points(torch.zeros(3, 3), 4)
