"""The rig: identity where nothing is corrected, closed forms where something is."""

import math
from dataclasses import replace

import pytest
import roma
import torch
from avatar_kit_r3 import rig
from avatar_kit_r3.parts import PARTS, part_masses, part_of_bones

from avatar_kit.gaussians import Attachment, sample_surface
from avatar_kit.scene import Motion
from avatar_kit.testing import world


@pytest.fixture(scope="module")
def posed(body):
    """The default body at rest, and bent."""
    shape = body.default_shape()
    draw = torch.Generator().manual_seed(0)
    motion = Motion.rest(
        2,
        body_pose=0.3 * torch.randn(2, 63, generator=draw),
        left_hand_pose=0.3 * torch.randn(2, 45, generator=draw),
        expression=torch.rand(2, 52, generator=draw),
    )
    with torch.no_grad():
        return body.rest(shape), body(body.from_motion(motion, shape))


def test_kinematics_of_a_planar_arm():
    bend = torch.tensor([0.3, 0.5])
    local = torch.eye(4).repeat(2, 1, 1)
    zero = torch.zeros(2)
    local[:, :3, :3] = roma.rotvec_to_rotmat(torch.stack([zero, zero, bend], 1))
    local[1, 0, 3] = 2.0
    world_ = rig.kinematics(local, (-1, 0))
    assert world_[1, :2, 3].tolist() == pytest.approx([2 * math.cos(0.3), 2 * math.sin(0.3)])
    assert float(world_[1, 1, 0]) == pytest.approx(math.sin(0.8))
    torch.testing.assert_close(rig.relative(world_, (-1, 0)), local)


def test_without_a_correction_the_body_stays(posed):
    rest, body = posed
    found = rig.corrected(body, rest, torch.zeros(2, len(rest.joints), 3))
    torch.testing.assert_close(found.vertices, body.vertices, atol=2e-4, rtol=0)
    torch.testing.assert_close(found.bone_transforms, body.bone_transforms, atol=2e-4, rtol=0)


def test_a_corrected_bone_takes_along_what_hangs_on_it(posed):
    rest, body = posed
    elbow = rest.joint_names.index("lowerarm01.L")
    vectors = torch.zeros(2, len(rest.joints), 3)
    vectors[:, elbow, 0] = 0.4
    found = rig.corrected(body, rest, vectors)
    hand = rest.joint_names.index("finger3-2.L")
    head = rest.joint_names.index("head")
    turned = lambda b: found.bone_transforms[:, b] @ torch.linalg.inv(body.bone_transforms[:, b])  # noqa: E731
    angle = roma.rotmat_to_rotvec(turned(hand)[:, :3, :3]).norm(dim=-1)
    assert angle.tolist() == pytest.approx([0.4] * 2, abs=1e-3)
    torch.testing.assert_close(turned(head), torch.eye(4).expand(2, 4, 4), atol=1e-3, rtol=0)
    pivot = body.joints[:, elbow]
    assert float((found.bone_transforms[:, elbow, :3, 3] - pivot).abs().max()) < 1e-4
    wholly = rest.skinning_weights[:, hand] > 0.99
    if bool(wholly.any()):
        moved = (turned(hand)[:, None] @ homogeneous(body.vertices[:, wholly]))[..., :3, 0]
        torch.testing.assert_close(found.vertices[:, wholly], moved, atol=2e-3, rtol=0)


def homogeneous(points):
    return torch.cat([points, torch.ones_like(points[..., :1])], -1)[..., None]


def test_with_the_surfaces_weights_it_is_the_attachment(posed):
    rest, body = posed
    anchors = sample_surface(rest, 300, torch.ones(len(rest.topology.faces)))
    ties = Attachment.of(anchors, rest)
    weights = anchors.at_vertices(rest.skinning_weights, rest.topology.faces)
    draw = torch.Generator().manual_seed(1)
    shape = (
        0.02 * torch.randn(300, 3, generator=draw),
        torch.randn(300, 4, generator=draw),
        -4 + 0.5 * torch.randn(300, 3, generator=draw),
    )
    found = rig.carry_weighted(ties, body, rest, weights, *shape)
    for ours, theirs in zip(found, ties.carry(body, *shape), strict=True):
        scale = float(theirs.abs().max())
        torch.testing.assert_close(ours / scale, theirs / scale, atol=1e-5, rtol=0)


def test_weights_of_one_bone_follow_that_bone():
    rest = world.rest_body()
    ties = Attachment.of(sample_surface(rest, 20, torch.ones(len(rest.topology.faces))), rest)
    body = world.bodies()[[1]]
    shape = torch.zeros(20, 3), torch.tensor([[1.0, 0, 0, 0]]).expand(20, 4), torch.zeros(20, 3)
    means, _, covariances = rig.carry_weighted(ties, body, rest, torch.ones(20, 1), *shape)
    torch.testing.assert_close(means, ties.points(body), atol=1e-6, rtol=0)
    torch.testing.assert_close(covariances, torch.eye(3).expand(1, 20, 3, 3))


def test_no_offset_leaves_the_weights():
    weights = torch.softmax(torch.randn(7, 5), 1)
    torch.testing.assert_close(rig.skinning_weights(weights, torch.zeros(7, 5)), weights)
    moved = rig.skinning_weights(weights, torch.randn(7, 5))
    torch.testing.assert_close(moved.sum(1), torch.ones(7))


def test_rotations_are_those_of_roma():
    vectors = torch.tensor([[0.3, -1.0, 0.7], [2.0, 0.1, 0.0]])
    torch.testing.assert_close(
        rig.rotations(vectors), roma.rotvec_to_rotmat(vectors), atol=2e-5, rtol=0
    )
    still = torch.zeros(1, 3, requires_grad=True)
    rig.rotations(still).sum().backward()
    assert bool(still.grad.isfinite().all())


def test_the_networks_begin_with_next_to_nothing():
    torch.manual_seed(0)
    pose = rig.PoseCorrection(63, 5, 16)(torch.randn(2, 63))
    assert pose.shape == (2, 5, 3) and float(pose.abs().max()) < 1e-3
    offset = rig.WeightOffset(6, 16)(torch.rand(9, 3) * 2 - 1)
    assert offset.shape == (9, 6) and float(offset.abs().max()) < 1e-3


def test_limbs_of_the_default_body_belong_to_their_side(posed):
    rest, _ = posed
    part_of = [list(PARTS)[p] for p in part_of_bones(rest).tolist()]
    named = dict(zip(rest.joint_names, part_of, strict=True))
    for bone, part in {
        "upperleg01.L": "left_leg",
        "toe3-2.R": "right_leg",
        "finger2-3.L": "left_arm",
        "wrist.R": "right_arm",
        "head": "centre",
        "spine03": "centre",
        "eye.L": "centre",
        "root": "centre",
    }.items():
        assert named[bone] == part, bone


def test_limbs_without_a_named_side_go_by_where_they_are(posed):
    rest, _ = posed
    plain = [n.removeprefix("left_").removeprefix("right_") for n in rest.topology.part_names]
    bare = replace(rest, topology=replace(rest.topology, part_names=tuple(plain)))
    assert torch.equal(part_of_bones(bare), part_of_bones(rest))


def test_masses_sum_to_one(posed):
    rest, _ = posed
    ties = Attachment.of(sample_surface(rest, 200, torch.ones(len(rest.topology.faces))), rest)
    masses = part_masses(ties.weights, ties.bones, part_of_bones(rest))
    torch.testing.assert_close(masses.sum(1), ties.weights.sum(1))
    dense = torch.zeros(200, len(rest.joints)).scatter_add(1, ties.bones, ties.weights)
    for part in range(len(PARTS)):
        expected = dense[:, part_of_bones(rest) == part].sum(1)
        torch.testing.assert_close(masses[:, part], expected)
