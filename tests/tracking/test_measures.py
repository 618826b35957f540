from dataclasses import replace

import numpy as np
import pytest
import torch

from avatar_kit.tracking.figures import percent
from avatar_kit.tracking.measures import Agreement, hand_error, iou, joint_error, views
from avatar_kit.tracking.place import static_camera
from avatar_kit.tracking.tracks import main_joints
from tests.tracking.stick_person import StickBody, observed, turning_person


@pytest.fixture(scope="module")
def scene():
    """Key points in the picture, and what a perfect tracker says of them."""
    body = StickBody()
    points = body.keypoints(body.from_motion(turning_person(6), torch.tensor([0.5])))
    camera = static_camera(600, 800)[0]
    return camera.project(points)[0].numpy(), observed(points, camera)


def test_joints_beside_their_landmarks_by_a_known_part_of_the_height(scene):
    pixels, tracks = scene
    assert joint_error(pixels, tracks, 400.0).max() < 1e-3
    moved = pixels + np.array([3, 4])
    np.testing.assert_allclose(joint_error(moved, tracks, 400.0), 1.25, atol=1e-3)


def test_a_joint_that_was_not_seen_has_no_error(scene):
    pixels, tracks = scene
    confidence = tracks.body_confidence.copy()
    confidence[2, main_joints()[5]] = 0.4
    error = joint_error(pixels, replace(tracks, body_confidence=confidence), 400.0)
    assert np.argwhere(np.isnan(error)).tolist() == [[2, 5]]


def test_hands_are_measured_from_the_wrist(scene):
    pixels, tracks = scene
    moved = pixels.copy()
    moved[:, 23:44] += 50  # a whole hand beside its place
    assert hand_error(moved, tracks, 400.0) < 1e-3
    moved[:, 24:44, 0] += 4  # its 20 points beside the wrist, of 21 of two hands
    assert hand_error(moved, tracks, 400.0) == pytest.approx(20 / 21 / 2, abs=1e-3)
    unseen = replace(tracks, hands_confidence=np.zeros((6, 2)))
    assert percent(hand_error(moved, unseen, 400.0)) == "n/a"


def test_overlap_of_two_squares():
    a, b = np.zeros((2, 8, 8), bool)
    a[:4, :4], b[2:6, :4] = True, True
    assert iou(a, b) == pytest.approx(8 / 24)
    assert iou(a, ~a) == 0
    assert iou(a & b & ~a, a & b & ~a) == 0


def test_the_error_of_a_frame_is_the_mean_of_the_joints_seen():
    joints = np.array([[1.0, 3.0], [np.nan, 5.0], [np.nan, np.nan]])
    np.testing.assert_array_equal(Agreement(joints, np.ones(3)).error(), [2.0, 5.0, np.nan])


def test_views_count_directions():
    assert views(np.radians(np.arange(360))) == 1.0
    assert views(np.radians(np.array([5.0, 10.0, 20.0, 365.0]))) == pytest.approx(1 / 12)
