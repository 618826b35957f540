import numpy as np
import pytest
import torch

from avatar_kit.scene.joints import BODY_JOINTS
from avatar_kit.tracking.fit import ROOT_VARIABLES, Fitter, Phase
from avatar_kit.tracking.place import stand_on_ground, static_camera
from avatar_kit.tracking.tracks import main_joints
from tests.tracking.stick_person import StickBody, observed, turning_person

PHASES = (
    Phase(30, ROOT_VARIABLES, 0.2),
    Phase(60, (*ROOT_VARIABLES, "pose"), 0.1),
    Phase(40, (*ROOT_VARIABLES, "pose", "hands"), 0.04),
)


@pytest.fixture(scope="module")
def fitted():
    body, motion = StickBody(), turning_person(30)
    camera, _ = static_camera(600, 800)
    truth = body.keypoints(body.from_motion(motion, torch.tensor([0.5])))
    tracks = observed(truth, camera, noise=1.0)
    fitter = Fitter(body, camera, tracks, [(0, 30)], 30.0)
    return fitter.run(phases=PHASES), truth, camera, motion


def test_joints_land_on_their_landmarks(fitted):
    fit, truth, camera, _ = fitted
    joints = main_joints()
    off = camera.project(fit.keypoints)[0] - camera.project(truth)[0]
    error = 100 * off[:, joints].norm(dim=-1).mean() / fit.height
    assert error < 0.3


def test_a_person_seen_from_behind_does_not_flip(fitted):
    fit, _, _, motion = fitted
    turned = np.degrees(fit.yaw.numpy() - motion.global_orient[:, 1].numpy())
    assert np.abs(turned).max() < 15
    assert fit.yaw[-1] - fit.yaw[0] == pytest.approx(-2 * np.pi, abs=0.15)


def test_limbs_point_where_they_point_in_space(fitted):
    fit, truth, _, _ = fitted
    for a, b in ((7, 9), (8, 10), (13, 15), (14, 16)):
        lines = [torch.nn.functional.normalize(k[:, b] - k[:, a], dim=-1) for k in
                 (fit.keypoints, truth)]  # fmt: skip
        angle = torch.rad2deg(torch.acos((lines[0] * lines[1]).sum(-1).clamp(-1, 1)))
        assert angle.mean() < 8


def test_knees_bend_the_human_way(fitted):
    fit = fitted[0]
    knee = fit.motion.body_pose.unflatten(1, (21, 3))[:, BODY_JOINTS.index("left_knee"), 0]
    assert knee.min() > -0.05
    assert knee.max() > 0.4


def test_standing_on_the_ground_changes_nothing_in_the_picture(fitted):
    fit, _, camera, _ = fitted
    moved, placed = stand_on_ground(fit, camera)
    before, after = camera.project(fit.keypoints)[0], placed.project(moved.keypoints)[0]
    torch.testing.assert_close(before, after, atol=0.02, rtol=0)
    assert moved.keypoints[:, 15:21, 1].min() == pytest.approx(0, abs=0.1)
    assert moved.motion.transl[:, [0, 2]].median(0).values.abs().max() < 1e-4


def test_a_known_shape_value_is_kept():
    body = StickBody()
    camera, _ = static_camera(600, 800)
    motion = turning_person(6, 0.3)
    truth = body.keypoints(body.from_motion(motion, torch.tensor([0.5])))
    fitter = Fitter(body, camera, observed(truth, camera), [(0, 6)], 30.0, {"size": 0.8})
    assert fitter.run(phases=(Phase(3, ROOT_VARIABLES, 0.2),)).shape.item() == pytest.approx(0.8)
