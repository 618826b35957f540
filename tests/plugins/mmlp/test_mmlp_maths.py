"""MLPs, interpolation, bases and colours against dense twins and closed forms."""

import math

import pytest
import roma
import torch
from avatar_kit_mmlp.appearance import REACH, canonical_means, colours, with_basis
from avatar_kit_mmlp.config import MlpGaussiansConfig
from avatar_kit_mmlp.interpolation import interpolated, nearest_weights
from avatar_kit_mmlp.networks import AnchorMlps
from avatar_kit_mmlp.pose_input import PoseInput
from avatar_kit_mmlp.start import first_shape
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from avatar_kit.graphics import harmonic_colors
from avatar_kit.testing.poses import random_motion, swaying_motion
from avatar_kit.testing.world import cameras


@settings(max_examples=20, deadline=None)
@given(
    anchors=st.integers(1, 5),
    widths=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    batch=st.integers(1, 3),
    seed=st.integers(0, 10**6),
)
def test_mlps_are_torchs_one_by_one(anchors, widths, batch, seed):
    torch.manual_seed(seed)
    mlps = AnchorMlps(anchors, 6, widths, 4)
    given_pose = torch.randn(batch, 6)
    sizes = [6, *widths, 4]
    for a in range(anchors):
        layers = []
        for i in range(len(sizes) - 1):
            layer = nn.Linear(sizes[i], sizes[i + 1])
            layer.weight.data, layer.bias.data = mlps.weights[i][a], mlps.biases[i][a]
            layers += [layer, nn.ReLU()]
        expected = nn.Sequential(*layers[:-1])(given_pose)
        torch.testing.assert_close(mlps(given_pose)[:, a], expected, atol=1e-5, rtol=1e-4)


@settings(max_examples=20, deadline=None)
@given(places=st.integers(1, 12), points=st.integers(0, 30), seed=st.integers(0, 10**6))
def test_interpolation_is_the_inverse_distance_mean_of_the_nearest(places, points, seed):
    draw = torch.Generator().manual_seed(seed)
    at = torch.rand(places, 3, generator=draw)
    asked = torch.rand(points, 3, generator=draw)
    values = torch.randn(2, places, 5, generator=draw)
    index, weight = nearest_weights(asked, at)
    torch.testing.assert_close(weight.sum(1), torch.ones(points))
    found = interpolated(values, index, weight)
    away, near = torch.cdist(asked.double(), at.double()).topk(min(3, places), largest=False)
    share = 1 / away
    expected = (values[:, near].double() * share[..., None]).sum(2) / share.sum(1)[:, None]
    torch.testing.assert_close(found.double(), expected, atol=1e-4, rtol=1e-4)


def test_on_a_place_its_value_counts_alone():
    places = torch.eye(3)
    index, weight = nearest_weights(places, places)
    found = interpolated(torch.eye(3)[None], index, weight)[0]
    torch.testing.assert_close(found, torch.eye(3), atol=1e-6, rtol=0)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_basis_is_combined_and_differentiated(batch):
    draw = torch.Generator().manual_seed(0)
    make = lambda *shape: torch.randn(*shape, generator=draw, dtype=torch.float64)  # noqa: E731
    values, coefficients, basis = make(4, 3), make(batch, 4, 5), make(4, 5, 3)
    expected = torch.stack(
        [
            torch.stack([values[n] + coefficients[b, n] @ basis[n] for n in range(4)])
            for b in range(batch)
        ]
    )
    torch.testing.assert_close(with_basis(values, coefficients, basis), expected)
    inputs = [v.requires_grad_() for v in (values, coefficients, basis)]
    assert torch.autograd.gradcheck(with_basis, inputs)


def test_a_free_offset_is_never_longer_than_its_reach():
    base, carried = torch.randn(5, 3), torch.randn(2, 5, 3)
    free = torch.tensor([[-1e6, 0.0, 1e6]]).expand(5, 3)
    shift = canonical_means(base, carried, free) - base - carried
    expected = torch.tensor([-REACH, 0, REACH]).expand_as(shift)
    torch.testing.assert_close(shift, expected, atol=1e-6, rtol=0)
    assert REACH == 0.008


def test_unskinned_colours_are_those_of_gsplat_seen_from_the_other_side():
    """Ours goes by camera minus point; gsplat's convention by point minus camera."""
    draw = torch.Generator().manual_seed(0)
    sh0, sh1 = torch.randn(2, 7, 3, generator=draw), torch.randn(2, 7, 3, 3, generator=draw)
    means, camera = torch.randn(2, 7, 3, generator=draw), cameras([0, 1])
    still = torch.eye(3).expand(2, 7, 3, 3)
    found = colours(sh0, sh1, means, camera.position, still)
    together = torch.cat([sh0[:, :, None], -sh1], 2)
    expected = harmonic_colors(together, means, camera)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    flat = colours(sh0, None, means, camera.position, still)
    torch.testing.assert_close(flat, (0.5 + sh0 / (2 * math.pi**0.5)).clamp(min=0))


def test_colours_turn_with_the_person():
    """Person and camera turned together see the same; the person alone does not."""
    draw = torch.Generator().manual_seed(0)
    sh0, sh1 = torch.zeros(1, 5, 3), torch.randn(1, 5, 3, 3, generator=draw)
    means, centre = torch.randn(1, 5, 3, generator=draw), torch.tensor([[0.5, 1.0, 4.0]])
    turn = torch.linalg.matrix_exp(torch.tensor([[0.0, -1.0, 0.2], [1.0, 0, 0], [-0.2, 0, 0]]))
    still = torch.eye(3).expand(1, 5, 3, 3)
    before = colours(sh0, sh1, means, centre, still)
    turned = colours(sh0, sh1, means @ turn.T, centre @ turn.T, turn @ still)
    torch.testing.assert_close(turned, before, atol=1e-5, rtol=0)
    alone = colours(sh0, sh1, means @ turn.T, centre, turn @ still)
    assert (alone - before).abs().max() > 0.05


def test_the_first_shape_is_a_disk_across_the_normal():
    """On a square lattice the three nearest are one side away; a corner has one that is farther."""
    side = 0.02
    at = torch.arange(5) * side
    places = torch.stack([*torch.meshgrid(at, at, indexing="ij"), torch.zeros(5, 5)], -1)
    places = places.flatten(0, 1)
    normals = torch.tensor([0.0, 0.0, 1.0]).expand(25, 3)
    thickness = torch.full((25,), 0.25)
    thickness[12] = 1.0
    quaternions, scales = first_shape(places, normals, thickness)
    corner = side * ((1 + 1 + 2) / 3) ** 0.5
    axes = roma.unitquat_to_rotmat(quaternions.roll(-1, 1)) * scales[:, None]
    expected = torch.zeros(25, 3, 3)
    for n in range(25):
        width = corner if n in (0, 4, 20, 24) else side
        expected[n] = torch.diag(torch.tensor([1, 1, float(thickness[n]) ** 2])) * width**2
    torch.testing.assert_close(axes @ axes.mT, expected, atol=1e-8, rtol=1e-4)


def fitted(**values):
    found = PoseInput(MlpGaussiansConfig(**values))
    found.fit(swaying_motion(40).body_pose)
    return found


def test_training_poses_pass_as_they_are_and_far_poses_come_near():
    given_pose, motion = fitted(fingers=False, expression=False), swaying_motion(40)
    assert given_pose.width == 63
    torch.testing.assert_close(given_pose(motion), motion.body_pose, atol=0.05, rtol=0)
    far = given_pose(random_motion(8))
    assert torch.isfinite(far).all()
    inside = given_pose.axes @ (far - given_pose.mean).T / given_pose.deviations[:, None]
    assert inside.abs().max() <= 2 + 1e-3
    torch.testing.assert_close(given_pose.near(far), far, atol=1e-4, rtol=0)


def test_without_a_limit_poses_are_taken_as_they_are():
    motion = random_motion(3)
    free = fitted(sigmas=None, fingers=False, expression=False)
    assert torch.equal(free(motion), motion.body_pose)


def test_hands_and_face_are_told_where_asked():
    motion = random_motion(2)
    found = fitted()
    assert found.width == 63 + 90 + 52
    hands = torch.cat([motion.left_hand_pose, motion.right_hand_pose], 1)
    assert torch.equal(found(motion)[:, 63:153], hands)
    assert torch.equal(found(motion)[:, 153:], motion.expression)


def test_of_one_pose_the_input_is_that_pose():
    found = PoseInput(MlpGaussiansConfig(fingers=False, expression=False))
    one = swaying_motion(1)
    found.fit(one.body_pose)
    far = found(random_motion(4))
    torch.testing.assert_close(far, one.body_pose.expand_as(far), atol=1e-6, rtol=0)
