"""Neighbours by a grid against a k-d tree and against all distances."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from avatar_kit.surface import nearest_neighbours, nearest_points


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


@settings(max_examples=40, deadline=None)
@given(
    total=st.integers(1, 400),
    asked=st.integers(0, 200),
    count=st.integers(0, 6),
    flat=st.sampled_from([(1.0, 1.0, 1.0), (1.0, 1e-4, 1.0), (0.0, 0.0, 0.0)]),
    away=st.sampled_from([0.0, 3.0, 100.0]),
    seed=st.integers(0, 10**6),
)
def test_nearest_points_equal_a_k_d_tree(total, asked, count, flat, away, seed):
    """Queries may lie outside of what the points fill."""
    count = min(count, total)
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(total, 3, generator=generator).pow(3) * torch.tensor(flat) + 7
    queries = torch.randn(asked, 3, generator=generator) + 7 + away
    index, found = nearest_points(queries, points, count)
    assert index.shape == found.shape == (asked, count)
    if asked and count:
        expected, _ = cKDTree(points.double()).query(queries.double(), k=[*range(1, count + 1)])
        torch.testing.assert_close(found, torch.from_numpy(expected).float(), atol=1e-6, rtol=1e-5)
        reached = (points[index] - queries[:, None]).norm(dim=-1)
        torch.testing.assert_close(reached, found, atol=1e-4, rtol=1e-4)


def test_a_point_is_the_nearest_to_its_own_place():
    points = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    index, away = nearest_points(points, points, 2)
    assert index[:, 0].tolist() == list(range(50)) and not away[:, 0].any()
    others, _ = nearest_neighbours(points, 1)
    assert index[:, 1].tolist() == others[:, 0].tolist()


def test_more_nearest_points_than_there_are_are_refused():
    with pytest.raises(ValueError, match="4 nearest of 3 points"):
        nearest_points(torch.zeros(1, 3), torch.zeros(3, 3), 4)
