"""Free points that a body carries, against the body itself and against closed forms."""

from dataclasses import replace

import pytest
import torch

from avatar_kit.gaussians import (
    Anchors,
    Attachment,
    Skin,
    blended_transforms,
    sample_surface,
    skin_gaussians,
)
from avatar_kit.testing.poses import random_motion


@pytest.fixture(scope="module")
def posed(body):
    shape = body.default_shape()
    rest = body.rest(shape)
    with torch.no_grad():
        return rest, body(body.from_motion(random_motion(2, seed=3), shape))


def spread(rest, count, off=0.0):
    draw = torch.Generator().manual_seed(0)
    found = sample_surface(rest, count, torch.ones(len(rest.topology.faces)), draw)
    normals = found.at_vertices(rest.normals, rest.topology.faces)
    return Anchors(found.faces, found.barycentrics, off * normals)


def carried(skin, body, points):
    blended = skin.blended(body)
    return (blended[..., :3] @ points[..., None])[..., 0] + blended[..., 3]


def test_points_on_the_surface_stay_on_it_in_any_pose_and_expression(posed):
    rest, body = posed
    anchors = spread(rest, 400)
    skin = Skin.of(anchors, rest)
    expected = anchors.at_vertices(body.vertices, rest.topology.faces)
    torch.testing.assert_close(carried(skin, body, skin.places), expected, atol=1e-5, rtol=0)
    assert not skin.off_surface.any()


def test_an_offset_is_turned_as_gaussians_on_the_surface_are(posed):
    """:class:`Attachment` computes the same in a kernel of its own."""
    rest, body = posed
    anchors = spread(rest, 300)
    skin = Skin.of(anchors, rest)
    draw = torch.Generator().manual_seed(1)
    offsets = 0.02 * torch.randn(300, 3, generator=draw)
    turns, scales = torch.randn(300, 4, generator=draw), 0.01 * torch.rand(300, 3, generator=draw)
    scales = scales + 0.002
    means, covariances = skin_gaussians(skin.blended(body), skin.places + offsets, turns, scales)
    ties = Attachment.of(anchors, rest)
    expected, _, shapes = ties.carry(body, offsets, turns, scales.log())
    torch.testing.assert_close(means, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(covariances, shapes, atol=1e-8, rtol=1e-4)


def test_a_point_off_the_surface_is_skinned_and_moves_by_what_skinning_misses(posed):
    rest, body = posed
    anchors = spread(rest, 60, off=0.04)
    skin = Skin.of(anchors, rest, resolution=32)
    assert skin.off_surface.all()
    weights = anchors.at_vertices(rest.skinning_weights, rest.topology.faces)
    surface = carried_by(weights, rest, body, replace(anchors, offsets=0 * anchors.offsets))
    missed = anchors.at_vertices(body.vertices, rest.topology.faces) - surface
    expected = carried_by(skin.weights, rest, body, anchors) + missed
    torch.testing.assert_close(carried(skin, body, skin.places), expected, atol=1e-5, rtol=0)


def carried_by(weights, rest, body, anchors):
    """Linear blend skinning, one bone after another."""
    total = 0
    points = torch.cat([anchors.rest(rest), torch.ones(len(anchors), 1)], 1)
    for j in range(weights.shape[1]):
        moved = body.bone_transforms[:, j] @ torch.linalg.inv(rest.transforms[j])
        total = total + weights[:, j, None] * (points @ moved[:, :3].mT)
    return total


def test_a_rigid_body_carries_everything_rigidly(posed):
    rest, _ = posed
    turn = torch.linalg.matrix_exp(torch.tensor([[0.0, -0.4, 0.1], [0.4, 0, -0.7], [-0.1, 0.7, 0]]))
    whole = torch.eye(4)
    whole[:3, :3], whole[:3, 3] = turn, torch.tensor([0.3, 1.0, -2.0])
    bones = (whole @ rest.transforms)[None]
    blended = blended_transforms(rest.skinning_weights, bones, rest.transforms)
    torch.testing.assert_close(blended, whole[:3].expand_as(blended), atol=1e-5, rtol=0)
    scales = torch.tensor([[0.01, 0.02, 0.03]]).expand(len(rest.vertices), 3)
    upright = torch.tensor([1.0, 0, 0, 0]).expand(len(scales), 4)
    _, covariances = skin_gaussians(blended, rest.vertices, upright, scales)
    expected = turn @ torch.diag(scales[0] ** 2) @ turn.T
    torch.testing.assert_close(covariances, expected.expand_as(covariances), atol=1e-7, rtol=0)
