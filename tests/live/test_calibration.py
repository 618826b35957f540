from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from avatar_kit.errors import UserError
from avatar_kit.live import FrameSolver, Performer, calibrate
from avatar_kit.scene.joints import ARKIT_CHANNELS
from tests.live.people import CAMERA, body_named, keypoints, limb_error, performer_of, tracked
from tests.tracking.stick_person import turning_person


@pytest.fixture(scope="module")
def filmed():
    body, motion = body_named("mannequin"), turning_person(60, 0.8)
    smile = np.zeros(52, np.float32)
    smile[ARKIT_CHANNELS.index("jawOpen")] = 0.25
    tracks = [
        replace(t, expression=smile, expression_confidence=1.0)
        for t in tracked(body, motion, noise=1.0)
    ]
    return body, motion, tracks


@pytest.fixture(scope="module")  # twenty seconds
def calibrated(filmed):
    body, _, tracks = filmed
    return calibrate(body, tracks, CAMERA, tracker="mine")


@pytest.mark.slow
def test_size_floor_and_face_are_found(filmed, calibrated):
    body, motion, _ = filmed
    truth = performer_of(body)
    # metres do not show in a picture: the size is that of a usual person, the floor goes with it
    assert calibrated.height == pytest.approx(truth.height, rel=0.04)
    build = calibrated.pelvis / calibrated.height
    assert build == pytest.approx(truth.pelvis / truth.height, rel=0.01)
    feet = float(keypoints(body, motion)[:, 15:21, 1].min()) * calibrated.height / truth.height
    assert calibrated.floor == pytest.approx(feet, abs=0.03)
    assert calibrated.neutral[ARKIT_CHANNELS.index("jawOpen")] == pytest.approx(0.25)
    assert (calibrated.tracker, calibrated.body, calibrated.notes) == ("mine", body.asset.name, ())


@pytest.mark.slow
def test_a_solver_follows_the_calibrated_person(filmed, calibrated):
    body, motion, tracks = filmed
    solver = FrameSolver(body, calibrated, CAMERA)
    found = [solver.solve(t, i / 30) for i, t in enumerate(tracks)]
    assert not any(f.lost for f in found)
    assert limb_error(body, [f.motion for f in found], motion).mean() < 2


def test_too_little_of_the_body_is_refused(filmed):
    body, _, tracks = filmed
    hidden = np.array([1.0] * 13 + [0.0] * 10)
    half = [replace(t, body_confidence=hidden) for t in tracks]
    with pytest.raises(
        UserError, match=r"0 of 60 frames.*knee is visible in 0%.*head, hands and feet"
    ):
        calibrate(body, half, CAMERA)
    with pytest.raises(
        UserError, match="11 of 11 frames show the whole body, expected at least 12"
    ):
        calibrate(body, tracks[:11], CAMERA)
    with pytest.raises(UserError, match="0 of 0 frames"):
        calibrate(body, [], CAMERA)
    for t in half:
        t.body[3] = np.nan
    with pytest.raises(UserError, match="0 of 60"):
        calibrate(body, half, CAMERA)


def test_the_person_of_a_capture():
    body = body_named("stick")
    performer = Performer.from_capture(SimpleNamespace(shape={"size": 0.7}), body)
    assert performer.shape == {"size": pytest.approx(0.7)}
    assert performer.height == pytest.approx(performer_of(body).height * 1.08, rel=1e-4)
    assert performer.floor is None
    assert "from a capture" in performer.notes[0]
    assert torch.tensor(performer.neutral).sum() == 0
