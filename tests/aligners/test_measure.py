"""Figures in motion space against closed forms and other libraries."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.distance import mahalanobis
from scipy.spatial.transform import Rotation

from avatar_kit.aligners.measure import (
    acceleration_ratio,
    body_points,
    drift,
    geodesic_error,
    joint_points,
    knn_distance,
    mahalanobis_distance,
    position_error,
    share_under,
    velocity_correlation,
)
from avatar_kit.aligners.principal import PrincipalAxes
from avatar_kit.aligners.rotations import rotvec_from_six, six_from_rotvec
from tests.aligners.poses import waving


def random_poses(count, seed=0):
    return torch.randn(count, 63, generator=torch.Generator().manual_seed(seed))


def test_six_numbers_and_back():
    poses = random_poses(20).double()
    assert geodesic_error(rotvec_from_six(six_from_rotvec(poses)), poses).max() < 1e-6


def test_geodesic_error_is_the_angle_that_scipy_finds():
    a, b = random_poses(10), random_poses(10, 1)
    turns = [Rotation.from_rotvec(x.view(-1, 3).double().numpy()) for x in (a, b)]
    expected = (turns[0].inv() * turns[1]).magnitude().reshape(10, 21)
    assert np.allclose(geodesic_error(a, b), expected, atol=1e-6)
    assert geodesic_error(a, a).max() < 1e-6


def test_knn_distance_is_the_mean_of_the_nearest_found_one_by_one():
    poses, training = random_poses(4), random_poses(30, 1)
    for k in (1, 5, 99):
        got = knn_distance(poses, training, k)
        for pose, value in zip(poses, got, strict=True):
            one_by_one = geodesic_error(pose.expand(30, 63), training).mean(1).sort().values
            assert float(value) == pytest.approx(float(one_by_one[:k].mean()), abs=1e-6)
    assert knn_distance(training, training, 1).max() < 1e-6


def test_knn_distance_of_a_known_turn():
    poses = torch.zeros(1, 63)
    poses[0, 4] = 0.42  # one joint of 21
    assert float(knn_distance(poses, torch.zeros(7, 63))) == pytest.approx(0.42 / 21, abs=1e-7)


def test_mahalanobis_with_all_axes_is_that_of_scipy():
    training, poses = random_poses(400), random_poses(3, 1)
    six = six_from_rotvec(training.double()).numpy()
    inverse = np.linalg.inv(np.cov(six.T))
    mean = six.mean(0)
    got = mahalanobis_distance(poses, training, variance=1.0)
    for pose, value in zip(six_from_rotvec(poses.double()).numpy(), got, strict=True):
        assert float(value) == pytest.approx(mahalanobis(pose, mean, inverse), rel=1e-6)


def test_principal_axes_of_a_known_ellipse():
    turn = torch.tensor([[0.6, 0.8], [-0.8, 0.6]], dtype=torch.double)
    circle = torch.linspace(0, 2 * math.pi, 1001, dtype=torch.double)[:-1]
    points = torch.stack((3 * circle.cos(), circle.sin()), 1) @ turn + 5
    both = PrincipalAxes.of(points, 1.0)
    assert torch.allclose(both.mean, torch.full((2,), 5.0).double())
    expected = torch.tensor([3.0, 1.0]).double() / math.sqrt(2) * math.sqrt(1000 / 999)
    assert torch.allclose(both.deviations, expected)
    assert torch.allclose((both.axes @ turn.mT).abs(), torch.eye(2).double(), atol=1e-9)
    assert torch.allclose(both.points(both.coordinates(points)), points)
    # the long axis has nine tenths of the variance
    assert len(PrincipalAxes.of(points, 0.9).axes) == 1
    assert len(PrincipalAxes.of(points, 0.901).axes) == 2


def test_share_under_a_percentile():
    reference = torch.arange(101.0)
    assert share_under(torch.tensor([0.0, 94.9, 95.0, 95.1]), reference) == 0.75
    assert share_under(reference, reference, 50) == pytest.approx(51 / 101)


def test_position_error_of_a_shift():
    points = torch.randn(6, 23, 3)
    shifted = points + torch.tensor([0.3, 0.0, -0.4])
    assert torch.allclose(position_error(points, shifted), torch.full((6,), 0.5))


def test_velocity_correlation():
    path = torch.randn(40, 23, 3, generator=torch.Generator().manual_seed(1)).cumsum(0)
    assert velocity_correlation(2 * path + 7, path) == pytest.approx(1)
    assert velocity_correlation(-path, path) == pytest.approx(-1)
    assert velocity_correlation(torch.zeros_like(path), path) == 0
    other = torch.randn(40, 23, 3, generator=torch.Generator().manual_seed(2)).cumsum(0)
    expected = np.corrcoef(other.diff(dim=0).flatten(), path.diff(dim=0).flatten())[0, 1]
    assert velocity_correlation(other, path) == pytest.approx(expected, abs=1e-5)


def test_acceleration_ratio_of_scaled_and_of_shaken_motion():
    time = torch.arange(200.0) / 30
    path = time.sin()[:, None, None].expand(200, 23, 3)
    assert acceleration_ratio(3 * path, path) == pytest.approx(3, rel=1e-4)
    assert acceleration_ratio(path + 5 * time[:, None, None], path) == pytest.approx(1, rel=1e-2)
    shake = 0.01 * (torch.arange(200) % 2)[:, None, None]
    assert acceleration_ratio(path + shake, path) > 10


def test_drift_of_a_ramp_and_of_a_period():
    period = torch.arange(20.0).repeat(5)
    assert drift(period, 20) == 0
    assert drift(period + torch.arange(100.0) * 0.5, 20) == pytest.approx(40)
    assert drift(torch.cat((period, torch.full((7,), 1e6))), 20) == 0
    with pytest.raises(ValueError, match="two periods"):
        drift(period, 60)


def test_body_points_ignore_the_root_and_follow_a_limb(body):
    shape, motion = body.default_shape(), waving(3)
    points = body_points(body, motion, shape)
    assert points.shape == (3, 23, 3)
    still = waving(3)
    still.transl.zero_()
    still.global_orient.zero_()
    assert torch.allclose(points, body_points(body, still, shape), atol=1e-5)
    rest, bent = waving(1, reach=0.0), waving(1, reach=0.0)
    bent.body_pose.view(1, 21, 3)[0, 17, 1] = -math.pi / 2  # the left elbow
    moved = (body_points(body, rest, shape) - body_points(body, bent, shape)).norm(dim=-1)[0]
    assert moved[9] > 0.2  # the left wrist
    assert moved[[0, 5, 6, 7, 8, 10, *range(11, 17)]].max() < 0.02


def test_joint_points_follow_a_limb_and_no_root():
    bent = waving(1, reach=0.0)
    bent.body_pose.view(1, 21, 3)[0, 17, 1] = -math.pi / 2  # the left elbow: forward
    rest, points = joint_points(waving(1, reach=0.0))[0], joint_points(bent)[0]
    wrist, elbow = 19, 17
    assert torch.equal(points[:wrist], rest[:wrist])
    assert torch.equal(points[wrist + 1 :], rest[wrist + 1 :])
    forearm = rest[wrist] - rest[elbow]
    assert torch.allclose(points[wrist, 2] - points[elbow, 2], forearm[0], atol=1e-6)
    moved = waving(3)
    still = replace(moved, transl=moved.transl * 0, global_orient=moved.global_orient * 0)
    assert torch.equal(joint_points(moved), joint_points(still))
