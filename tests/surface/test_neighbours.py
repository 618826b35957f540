"""Neighbours by a grid against a k-d tree and against all distances."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from avatar_kit.surface import nearest_neighbours


@settings(max_examples=40, deadline=None)
@given(
    total=st.integers(1, 400),
    count=st.integers(0, 6),
    flat=st.sampled_from([(1.0, 1.0, 1.0), (1.0, 1e-4, 1.0), (0.0, 5.0, 0.0), (0.0, 0.0, 0.0)]),
    seed=st.integers(0, 10**6),
)
def test_equal_a_k_d_tree(total, count, flat, seed):
    count = min(count, total - 1)
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(total, 3, generator=generator).pow(3) * torch.tensor(flat) + 7
    index, away = nearest_neighbours(points, count)
    assert index.shape == away.shape == (total, count)
    found, _ = cKDTree(points.double()).query(points.double(), k=count + 1)
    expected = torch.from_numpy(found.reshape(total, -1)[:, 1:]).float()
    torch.testing.assert_close(away, expected, atol=1e-6, rtol=1e-5)
    own = torch.arange(total)[:, None]
    assert (index != own).all()
    assert all(len(set(row)) == count for row in index.tolist())
    if count:
        reached = (points[index] - points[:, None]).norm(dim=-1)
        torch.testing.assert_close(reached, away, atol=1e-5, rtol=1e-4)


def test_equally_far_points_stand_in_order():
    points = torch.tensor([[0.0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])
    assert nearest_neighbours(points, 4)[0][0].tolist() == [1, 2, 3, 4]


def test_more_neighbours_than_points_are_refused():
    with pytest.raises(ValueError, match="3 neighbours of 3 points"):
        nearest_neighbours(torch.zeros(3, 3), 3)
