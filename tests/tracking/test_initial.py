import numpy as np
import pytest
import roma
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from avatar_kit.tracking.initial import (
    apparent_height,
    limb_rotations,
    observed_yaw,
    smooth,
    swing,
    to_world,
)
from avatar_kit.tracking.place import static_camera
from tests.tracking.stick_person import StickBody, observed, turning_person

unit = arrays(float, 3, elements=st.floats(-1, 1)).filter(lambda v: np.linalg.norm(v) > 0.1)


def test_yaw_of_shoulders_and_hips_is_the_heading():
    body, motion = StickBody(), turning_person(24, 6.0)
    tracks = observed(
        body.keypoints(body.from_motion(motion, torch.tensor([0.5]))), static_camera(60, 80)[0]
    )
    yaw = np.unwrap(observed_yaw(to_world(tracks.body_world), tracks.body_confidence))
    np.testing.assert_allclose(yaw, motion.global_orient[:, 1].numpy(), atol=1e-4)


@given(unit, unit)
def test_swing_turns_one_direction_to_the_other(a, b):
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    if a @ b < -0.999:
        return
    turned = roma.rotvec_to_rotmat(torch.from_numpy(swing(a, b))).numpy() @ a
    np.testing.assert_allclose(turned, b, atol=1e-5)


def test_first_limbs_bend_about_their_hinges():
    body, motion = StickBody(), turning_person(8, 0.0)
    tracks = observed(
        body.keypoints(body.from_motion(motion, torch.tensor([0.5]))), static_camera(60, 80)[0]
    )
    found = limb_rotations(to_world(tracks.body_world), np.zeros(8))
    pose = motion.body_pose.unflatten(1, (21, 3)).numpy()
    np.testing.assert_allclose(found["left_elbow"][:, 1], pose[:, 17, 1], atol=1e-3)
    np.testing.assert_allclose(found["right_elbow"][:, 1], pose[:, 18, 1], atol=1e-3)
    np.testing.assert_allclose(found["left_knee"][:, 0], pose[:, 3, 0], atol=1e-3)


def test_smoothing_keeps_a_constant_and_a_line():
    np.testing.assert_allclose(smooth(np.full((20, 2), 3.0), 2.0), 3.0)
    line = np.arange(40.0)
    np.testing.assert_allclose(smooth(line, 2.0)[8:-8], line[8:-8])


def test_apparent_height_is_in_proportion():
    body, motion = StickBody(), turning_person(20, 1.0)
    points = body.keypoints(body.from_motion(motion, torch.tensor([0.5])))
    heights = []
    for focal in (500.0, 1000.0):
        tracks = observed(points, static_camera(600, 800, focal=focal)[0])
        heights.append(apparent_height(tracks.body, tracks.body_confidence))
    assert heights[1] / heights[0] == pytest.approx(2, rel=1e-5)
    # the stick person is about 1.7 m tall and 3.4 m away
    assert heights[1] == pytest.approx(1000 * 1.7 / 3.4, rel=0.1)


def test_apparent_height_of_head_and_shoulders():
    body, motion = StickBody(), turning_person(20, 1.0)
    points = body.keypoints(body.from_motion(motion, torch.tensor([0.5])))
    tracks = observed(points, static_camera(600, 800, focal=1000.0)[0])
    confidence = tracks.body_confidence * (np.arange(23) < 7)
    found = apparent_height(tracks.body, confidence)
    # the stick person is a little narrow in the shoulders
    assert found == pytest.approx(1000 * 1.7 / 3.4, rel=0.25)
