"""Rigged Gaussians in a pose, held against rigid motion, the body's own skinning and its light."""

from dataclasses import replace

import pytest
import roma
import torch

from avatar_kit.gaussians import faces_camera, pose_gaussians
from avatar_kit.light import harmonics
from avatar_kit.scene import Camera, Motion
from avatar_kit.testing.avatar import small_avatar
from avatar_kit.testing.poses import random_motion


@pytest.fixture(scope="module")
def avatar():
    return small_avatar()


@pytest.fixture(scope="module")
def rigged(avatar):
    return avatar.encoders["points"].rigged_gaussians()


def posed(avatar, motion):
    with torch.no_grad():
        return avatar.body(avatar.body.from_motion(motion, avatar.shape))


def test_at_rest_nothing_moves(rigged):
    cloud = pose_gaussians(replace(rigged, light=None), rigged.transforms[None])
    torch.testing.assert_close(cloud.means[0], rigged.means, atol=1e-5, rtol=0)
    shape = torch.diag_embed(rigged.scales.square())
    torch.testing.assert_close(cloud.covariances[0], shape, atol=1e-8, rtol=1e-4)
    assert torch.equal(cloud.features[0], rigged.colours)


def test_means_follow_the_skin(avatar, rigged):
    """At vertices linear blend skinning is the body's own, as long as the face is at rest."""
    motion = replace(random_motion(3), expression=torch.zeros(3, 52), jaw_pose=torch.zeros(3, 3))
    body = posed(avatar, motion)
    cloud = pose_gaussians(replace(rigged, light=None), body.bone_transforms)
    apart = (cloud.means - body.vertices[:, ::16]).norm(dim=-1)
    assert float(apart.max()) < 1e-4


def test_a_rigid_motion_turns_the_ellipsoids(rigged):
    turn = roma.rotvec_to_rotmat(torch.tensor([0.4, -1.1, 0.7]))
    rigid = torch.eye(4)
    rigid[:3, :3], rigid[:3, 3] = turn, torch.tensor([0.3, 1.0, -2.0])
    cloud = pose_gaussians(replace(rigged, light=None), (rigid @ rigged.transforms)[None])
    torch.testing.assert_close(
        cloud.means[0], rigged.means @ turn.T + rigid[:3, 3], atol=1e-5, rtol=0
    )
    shape = turn @ torch.diag_embed(rigged.scales.square()) @ turn.T
    torch.testing.assert_close(cloud.covariances[0], shape, atol=1e-8, rtol=1e-4)


def test_the_light_is_that_of_the_formula(avatar, rigged):
    body = posed(avatar, Motion.rest(1))
    lit = torch.rand(1, len(rigged), generator=torch.Generator().manual_seed(0))
    cloud = pose_gaussians(rigged, body.bone_transforms, lit=lit)
    turn = rigged.skinning_weights @ (
        body.bone_transforms[0] @ torch.linalg.inv(rigged.transforms)
    ).flatten(1)
    normals = torch.einsum("nij,nj->ni", turn.view(-1, 4, 4)[:, :3, :3], rigged.normals)
    normals = normals / normals.norm(dim=1, keepdim=True)
    dark = (1 - lit[0]) * normals[:, 1].clamp(min=0)  # its light is straight above
    shade = (1 + harmonics(normals) @ rigged.light.ambient - 0.5 * dark[:, None]).clamp(0.2, 2)
    torch.testing.assert_close(cloud.features[0], rigged.colours * shade, atol=1e-5, rtol=1e-5)


def test_a_camera_marks_who_faces_it(rigged):
    camera = Camera.look_at((0, 1, 5), (0, 1, 0), width=8, height=8, fov_y=40)
    cloud = pose_gaussians(rigged, rigged.transforms[None], camera=camera)
    ahead, behind = rigged.normals[:, 2] > 0.5, rigged.normals[:, 2] < -0.8
    assert cloud.visible[0, ahead].all() and not cloud.visible[0, behind].any()
    both = replace(rigged, two_sided=torch.ones_like(rigged.two_sided))
    assert pose_gaussians(both, rigged.transforms[None], camera=camera).visible.all()
    towards = torch.tensor([[[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]])
    assert faces_camera(torch.zeros(1, 2, 3), towards, camera).tolist() == [[True, False]]


def test_gradients_reach_what_moves_and_lights_them(rigged):
    light = replace(rigged.light, ambient=rigged.light.ambient.clone().requires_grad_())
    bones = rigged.transforms[None].clone().requires_grad_()
    cloud = pose_gaussians(replace(rigged, light=light), bones)
    (cloud.means.square().sum() + cloud.covariances.sum() + cloud.features.sum()).backward()
    assert bones.grad.abs().sum() > 0 and light.ambient.grad.abs().sum() > 0
    assert bones.grad.isfinite().all()
