"""Values for what no picture shows: from the other side of the body, then from what is near."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from avatar_kit.surface import Completion, unseen_sides


def test_the_other_side_is_asked_first():
    side = torch.rand(50, 3, generator=torch.Generator().manual_seed(0)) + torch.tensor([0.2, 0, 0])
    points = torch.cat([side, side * torch.tensor([-1.0, 1, 1])]) + torch.tensor([0.5, 0, 0])
    values = torch.cat([side, torch.zeros(50, 3)])
    weight = (torch.arange(100) < 50).float()
    found = Completion(weight, points, middle=0.5)(values)
    torch.testing.assert_close(found, torch.cat([side, side]))
    assert not values[50:].any()  # what was given is not written to


@given(st.integers(0, 2**31), st.integers(1, 39))
def test_a_mean_of_what_is_around_as_told(seed, seen):
    """Against the formula, point by point in plain loops."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(40, 3, generator=generator) + torch.tensor([1.0, 0, 0])
    values = torch.rand(40, 2, generator=generator)
    weight = torch.zeros(40)
    which = torch.randperm(40, generator=generator)[:seen]
    weight[which] = 0.1 + torch.rand(seen, generator=generator)
    found = Completion(weight, points, middle=-9.0)(values)
    for i in range(40):
        if weight[i] > 0:
            assert torch.equal(found[i], values[i])
            continue
        away = [float((points[i] - points[j]).norm()) for j in which.tolist()]
        width = 0.7 * max(min(away), 0.02)
        shares = [
            float(weight[j]) * 2.718281828459045 ** ((min(away) ** 2 - d**2) / (2 * width**2))
            for j, d in zip(which.tolist(), away, strict=True)
        ]
        mean = sum(s * values[j].double() for s, j in zip(shares, which.tolist(), strict=True))
        torch.testing.assert_close(found[i].double(), mean / sum(shares), atol=1e-4, rtol=0)


def test_the_middle_of_a_gap_is_even_and_its_edges_are_those_of_the_known():
    """A strip that is known at both ends: 0 at the left, 1 at the right."""
    x = torch.linspace(0, 1, 101)
    points = torch.stack([x + 5, 0 * x, 0 * x], 1)
    weight = ((x < 0.3) | (x > 0.7)).float()
    found = Completion(weight, points, middle=0.0)((x > 0.5).float()[:, None])[:, 0]
    assert found[30] < 0.01 and found[69] > 0.99 and abs(found[50] - 0.5) < 0.05
    assert (found.diff() > -1e-5).all()


def test_nobody_seen_gives_the_middle_of_the_range():
    found = Completion(torch.zeros(4), torch.rand(4, 3), middle=0.0)(torch.zeros(4, 3))
    assert (found == 0.5).all()


def test_sides_that_are_mostly_unseen_are_named():
    normals = torch.tensor([[0.0, 0, 1], [0, 0, -1], [0, 0, -1], [0, 0, -1], [1, 0, 0], [-1, 0, 0]])
    weight = torch.tensor([1.0, 0, 0, 1, 1, 0])
    assert unseen_sides(normals, weight) == ["back", "right"]
    assert unseen_sides(normals, torch.ones(6)) == []
