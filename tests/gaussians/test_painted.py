"""Colours of what no picture shows: from the other side of the body, then from what is near."""

import torch

from avatar_kit.gaussians import mirrored_to_unseen, spread_to_unseen, unseen_sides


def test_the_other_side_is_asked_first():
    side = torch.rand(50, 3, generator=torch.Generator().manual_seed(0)) + torch.tensor([0.2, 0, 0])
    points = torch.cat([side, side * torch.tensor([-1.0, 1, 1])]) + torch.tensor([0.5, 0, 0])
    values = torch.cat([side, torch.zeros(50, 3)])
    weight = torch.cat([torch.ones(50), torch.zeros(50)])
    found, now = mirrored_to_unseen(values, weight, points, middle=0.5)
    torch.testing.assert_close(found, torch.cat([side, side]))
    assert (now > 0).all()
    far = points.clone()
    far[60, 1] += 9.0  # nothing is where its mirror image is
    found, now = mirrored_to_unseen(values, weight, far, middle=0.5)
    assert now[60] == 0 and not found[60].any() and now.sum() == 99


def test_nobody_seen_changes_nothing():
    values, weight = torch.zeros(4, 3), torch.zeros(4)
    found, now = mirrored_to_unseen(values, weight, torch.rand(4, 3), middle=0.0)
    assert not now.any() and not found.any()
    neighbours = torch.tensor([[1], [0], [3], [2]])
    assert (spread_to_unseen(found, now, neighbours) == 0.5).all()


def test_sides_that_are_mostly_unseen_are_named():
    normals = torch.tensor([[0.0, 0, 1], [0, 0, -1], [0, 0, -1], [0, 0, -1], [1, 0, 0], [-1, 0, 0]])
    weight = torch.tensor([1.0, 0, 0, 1, 1, 0])
    assert unseen_sides(normals, weight) == ["back", "right"]
    assert unseen_sides(normals, torch.ones(6)) == []
