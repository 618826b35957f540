"""Motions to bones and back."""

import copy

import numpy as np
import pytest
import torch
from anny_motions import random_motion, random_shape
from avatar_kit_anny.retarget import representatives, twist_angle
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_kit.scene import Motion
from avatar_kit.scene.joints import SMPLX_JOINTS

DEGREE = np.pi / 180


def angles_between(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Angles between the rotations of two sets of axis-angle vectors, in degrees."""
    import roma

    turn = roma.rotvec_to_rotmat(a.double()).mT @ roma.rotvec_to_rotmat(b.double())
    return roma.rotmat_to_rotvec(turn).norm(dim=-1) / DEGREE


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_round_trip(body, seed):
    motion, shape = random_motion(4, seed), random_shape(seed)
    found = body.to_motion(body.from_motion(motion, shape), fps=motion.fps)
    assert angles_between(motion.rotvec(), found.rotvec()).max() < 0.1
    assert torch.equal(found.transl, motion.transl)


def test_every_joint_but_the_jaw_has_a_bone():
    assert set(SMPLX_JOINTS) - set(representatives()) == {"jaw"}


def test_round_trip_of_real_motion(body):
    from tests.conftest import shared_file

    data = np.load(shared_file("motion/bandai_smpl_15fps.npz"))
    rows = slice(0, 64_000, 400)
    fields = {
        name: torch.tensor(data[name][rows].astype(np.float32))
        for name in ("transl", "global_orient", "body_pose")
    }
    motion = Motion.rest(len(fields["transl"]), 15.0, **fields)
    found = body.to_motion(body.from_motion(motion, body.default_shape()), fps=15.0)
    assert angles_between(motion.rotvec(), found.rotvec()).max() < 0.1


def test_pelvis_lies_at_the_translation(body):
    motion = random_motion(3, seed=0)
    assert torch.equal(body(body.from_motion(motion, random_shape(0))).joints[:, 0], motion.transl)


@pytest.mark.parametrize("angle", [-3.0, -1.0, 0.0, 0.5, 3.0])
def test_twist_angle(angle):
    import roma

    axis = torch.tensor([1.0, 0.0, 0.0])
    swing = roma.rotvec_to_unitquat(torch.tensor([0.0, 0.7, -0.9]))
    twist = roma.rotvec_to_unitquat(angle * axis)
    assert twist_angle(roma.quat_product(swing, twist), axis).item() == pytest.approx(
        angle, abs=1e-5
    )


def test_gradient_at_rest_is_finite_and_right(body):
    """Finite differences of the key points at the T-pose, where axis-angle is singular."""
    exact = copy.deepcopy(body).double()
    shape = exact.default_shape()
    weight = torch.randn(65, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def loss(pose: torch.Tensor) -> torch.Tensor:
        rest = {
            name: value.double() for name, value in vars(Motion.rest(1)).items() if name != "fps"
        }
        motion = Motion(30.0, **{**rest, "body_pose": pose[None]})
        return (exact.keypoints(exact.from_motion(motion, shape)) * weight).sum()

    pose = torch.zeros(63, dtype=torch.float64, requires_grad=True)
    loss(pose).backward()
    step = 1e-6
    for i in (0, 5, 20, 33, 47, 52, 58, 62):
        delta = torch.zeros(63, dtype=torch.float64)
        delta[i] = step
        with torch.no_grad():
            slope = (loss(pose + delta) - loss(pose - delta)) / (2 * step)
        assert pose.grad[i].item() == pytest.approx(slope.item(), abs=1e-6)


def test_gradient_reaches_the_shape(body):
    exact = copy.deepcopy(body).double()
    shape = (random_shape(4).double() * 0.2 + 0.7).requires_grad_()
    motion = random_motion(2, seed=3)
    motion = Motion(30.0, **{k: v.double() for k, v in vars(motion).items() if k != "fps"})

    def loss(value: torch.Tensor) -> torch.Tensor:
        return exact.keypoints(exact.from_motion(motion, value)).square().sum()

    loss(shape).backward()
    for i in range(len(shape)):
        delta = torch.zeros_like(shape)
        delta[i] = 1e-6
        with torch.no_grad():
            slope = (loss(shape + delta) - loss(shape - delta)) / 2e-6
        assert shape.grad[i].item() == pytest.approx(slope.item(), rel=1e-4, abs=1e-4)


def test_float32_gradients_at_rest_are_finite(body):
    motion = Motion.rest(3)
    leaves = [motion.body_pose, motion.global_orient, motion.left_hand_pose, motion.transl]
    for leaf in leaves:
        leaf.requires_grad_()
    body.keypoints(body.from_motion(motion, body.default_shape())).square().sum().backward()
    for leaf in leaves:
        assert torch.isfinite(leaf.grad).all() and leaf.grad.abs().max() > 0
