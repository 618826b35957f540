"""Values for what no picture shows: from the other side of the body, then from what is near."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from avatar_kit.surface import Completion, nearest_neighbours, unseen_sides


def test_the_other_side_is_asked_first():
    side = torch.rand(50, 3, generator=torch.Generator().manual_seed(0)) + torch.tensor([0.2, 0, 0])
    points = torch.cat([side, side * torch.tensor([-1.0, 1, 1])]) + torch.tensor([0.5, 0, 0])
    values = torch.cat([side, torch.zeros(50, 3)])
    known = torch.arange(100) < 50
    neighbours = nearest_neighbours(points, 3)[0]
    found = Completion(known, points, neighbours, middle=0.5)(values)
    torch.testing.assert_close(found, torch.cat([side, side]))
    assert not values[50:].any()  # what was given is not written to


def test_where_nothing_is_mirrored_neighbours_are_asked():
    points = torch.tensor([[0.1 * i + 1, 0, 0] for i in range(5)])  # all on one side of x = 0
    neighbours = torch.tensor([[1, 1], [0, 2], [1, 3], [2, 4], [3, 3]])
    known = torch.tensor([True, False, False, False, True])
    values = torch.tensor([[1.0], [9], [9], [9], [3.0]])
    found = Completion(known, points, neighbours, middle=0.0)(values)
    assert found[:, 0].tolist() == [1, 1, 2, 3, 3]


@given(st.integers(0, 2**31), st.integers(1, 59))
def test_values_travel_as_in_the_plain_loop(seed, seen):
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(60, 3, generator=generator) + torch.tensor([1.0, 0, 0])
    values = torch.rand(60, 2, generator=generator)
    known = torch.zeros(60, dtype=torch.bool)
    known[torch.randperm(60, generator=generator)[:seen]] = True
    neighbours = nearest_neighbours(points, 4)[0]
    found = Completion(known, points, neighbours, middle=-9.0)(values)
    have = {i: values[i].double() for i in range(60) if known[i]}
    while True:
        near = {
            i: [have[j] for j in neighbours[i].tolist() if j in have]
            for i in range(60)
            if i not in have
        }
        new = {i: torch.stack(those).mean(0) for i, those in near.items() if those}
        if not new:
            break
        have |= new
    overall = torch.stack(list(have.values())).mean(0)
    expected = torch.stack([have.get(i, overall) for i in range(60)])
    torch.testing.assert_close(found.double(), expected, atol=1e-6, rtol=0)


def test_nobody_seen_gives_the_middle_of_the_range():
    known = torch.zeros(4, dtype=torch.bool)
    neighbours = torch.tensor([[1], [0], [3], [2]])
    found = Completion(known, torch.rand(4, 3), neighbours, middle=0.0)(torch.zeros(4, 3))
    assert (found == 0.5).all()


def test_sides_that_are_mostly_unseen_are_named():
    normals = torch.tensor([[0.0, 0, 1], [0, 0, -1], [0, 0, -1], [0, 0, -1], [1, 0, 0], [-1, 0, 0]])
    weight = torch.tensor([1.0, 0, 0, 1, 1, 0])
    assert unseen_sides(normals, weight) == ["back", "right"]
    assert unseen_sides(normals, torch.ones(6)) == []
