from types import SimpleNamespace

import numpy as np
import pytest
import torch

from avatar_kit.tracking.doubts import spelled, unknown, wrong_frames
from avatar_kit.tracking.measures import Agreement
from avatar_kit.tracking.place import static_camera
from tests.tracking.stick_person import StickBody, observed, turning_person


def fitted(turns=1.0, frames=120):
    """What a perfect tracker and a perfect fit say of a person who turns."""
    body, motion = StickBody(), turning_person(frames, turns * 2 * np.pi)
    points = body.keypoints(body.from_motion(motion, torch.tensor([0.5])))
    tracks = observed(points, static_camera(600, 800)[0])
    seen = SimpleNamespace(
        tracks=tracks, clips=[(0, frames)], reader=SimpleNamespace(fps=30.0),
        frames=np.arange(frames),
    )  # fmt: skip
    fit = SimpleNamespace(yaw=motion.global_orient[:, 1], keypoints=points, motion=motion)
    return SimpleNamespace(observed=seen, fit=fit)


def agreement(frames=120):
    return Agreement(np.full((frames, 12), 0.5), np.full(frames, 0.8))


def test_a_good_fit_has_no_wrong_frames():
    assert not wrong_frames(fitted(), agreement()).any()


@pytest.mark.parametrize("fault", ["joints", "silhouette", "spin", "limb"])
def test_frames_that_are_plainly_wrong_are_found(fault):
    scene, found = fitted(), agreement()
    if fault == "joints":
        found.joints[40:44] = 4.0
    if fault == "silhouette":
        found.overlap[40:44] = 0.5
    if fault == "spin":
        scene.fit.yaw[42] += 2.5
    if fault == "limb":
        scene.fit.keypoints[42, 9:11] += 1.0  # both wrists, a metre in a thirtieth of a second
    wrong = np.flatnonzero(wrong_frames(scene, found))
    assert set(wrong) <= set(range(40, 45))
    assert 42 in wrong


def test_what_the_video_does_not_show_is_named_with_what_to_film():
    whole = fitted(1.0)
    assert not [line for line in unknown([whole]) if "turn around" in line]
    front = fitted(0.05)
    front.observed.tracks.face_confidence[:] = 0
    front.observed.tracks.hands_confidence[:, 1] = 0
    lines = unknown([front])
    assert any("the back" in line and "turn around once" in line for line in lines)
    assert any(line.startswith("the right hand: hold both hands open") for line in lines)
    assert any(line.startswith("the face: look at the camera") for line in lines)


def test_the_side_that_is_named_is_the_one_not_seen():
    """A yaw of 90 degrees turns a person to her own left: the camera sees her right side."""
    scene = fitted(0.0)
    scene.fit.yaw = torch.linspace(0, np.pi, 120)  # front, right side, back
    lines = " ".join(unknown([scene]))
    assert "the left side" in lines
    assert "right side" not in lines


def test_frames_are_spelled_as_ranges():
    assert spelled(np.array([3, 4, 5, 9, 12, 13])) == "3-5, 9, 12-13"
    assert spelled(np.arange(0, 20, 2)).endswith("...")
