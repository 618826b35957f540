"""Normals of flat Gaussians."""

import math

import torch
from splat_clouds import random_cloud
from splat_twin import rotation

from avatar_kit.graphics import gaussian_normals, splat
from avatar_kit.scene import Camera

VIEW = Camera.look_at((0.0, 0, 3.0), (0.0, 0, 0), width=16, height=16, fov_y=30)


def test_shortest_axis_towards_the_camera():
    cloud = random_cloud(50, 0, batch=2)
    found = gaussian_normals(cloud["means"], cloud["quaternions"], cloud["scales"], VIEW)
    axes = rotation(cloud["quaternions"])
    shortest = cloud["scales"].argmin(-1)
    for b in range(2):
        for n in range(50):
            axis = axes[b, n, :, shortest[b, n]]
            towards = VIEW.position[0].double() - cloud["means"][b, n]
            expected = axis if axis @ towards >= 0 else -axis
            torch.testing.assert_close(found[b, n], expected)


def test_composited_with_the_colours():
    """A disc turned by 60 degrees shows its own normal."""
    turn = math.radians(60) / 2
    quaternions = torch.tensor([[[math.cos(turn), 0, math.sin(turn), 0]]])
    means, scales = torch.zeros(1, 1, 3), torch.tensor([[[0.5, 0.5, 0.01]]])
    normals = gaussian_normals(means, quaternions, scales, VIEW)
    drawn = splat(means, quaternions, scales, torch.full((1, 1), 0.9), normals, VIEW)
    middle = drawn.features[0, :, 8, 8] / drawn.alpha[0, 0, 8, 8]
    expected = torch.tensor([math.sin(math.radians(60)), 0, 0.5])
    torch.testing.assert_close(middle, expected, atol=1e-6, rtol=0)


def test_gradient_turns_the_gaussian():
    cloud = random_cloud(6, 1)
    quaternions = cloud["quaternions"].requires_grad_()
    torch.autograd.gradcheck(
        lambda q: gaussian_normals(cloud["means"], q, cloud["scales"], VIEW), (quaternions,)
    )
