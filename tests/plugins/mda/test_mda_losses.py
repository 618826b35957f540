import math

import torch
from avatar_kit_mda.losses import angles_first, divergence, reconstruction
from torch.distributions import Normal, kl_divergence

from avatar_kit.aligners.rotations import six_from_rotvec
from avatar_kit.scene.skeleton import rest_offsets


def test_divergence_agrees_with_torch():
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn(7, 5, generator=generator)
    spread = 0.05 + torch.rand(7, 5, generator=generator)
    theirs = kl_divergence(Normal(mean, spread), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(divergence(mean, spread), theirs)


def test_reconstruction_of_a_turned_wrist_moves_no_joint():
    pose = torch.zeros(1, 63)
    turned = pose.clone()
    turned[0, 60] = 0.42  # right wrist about x: a leaf
    angle, distance = reconstruction(six_from_rotvec(turned), six_from_rotvec(pose), rest_offsets())
    # the other 20 joints read as the least angle that acos can tell
    assert math.isclose(float(angle), 0.42 / 21, abs_tol=2e-3)
    assert float(distance) < 1e-6


def test_angles_come_first():
    assert [angles_first(step, 100) for step in (0, 9, 10, 99)] == [0, 0, 1, 1]
    assert angles_first(0, 1) == 0
