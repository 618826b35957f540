import math
from pathlib import Path

import pytest
import torch

from avatar_kit.errors import UserError
from avatar_kit.io.calibration import Calibration
from avatar_kit.scene import Camera
from avatar_kit.tracking.fit import ROOT_VARIABLES, Fitter, Phase
from avatar_kit.tracking.place import ASSUMED_FOV_DEGREES, LEVEL_CAMERA_AXES, static_camera
from tests.tracking.stick_person import StickBody, observed, turning_person


def test_the_field_of_view_spans_the_height():
    camera, note = static_camera(640, 480, fov=50.0)
    top = torch.tensor([[[0.0, math.tan(math.radians(25)) * 3, -3.0]]])
    pixel, depth = camera.project(top)
    torch.testing.assert_close(pixel[0, 0], torch.tensor([320.0, 0.0]), atol=1e-3, rtol=0)
    assert depth.item() == pytest.approx(3.0)
    assert "50.0 degrees (given)" in note


def test_what_is_assumed_is_said():
    assert f"{ASSUMED_FOV_DEGREES:.1f} degrees (assumed)" in static_camera(640, 480)[1]


def test_focal_and_field_of_view_agree():
    focal = 0.5 * 480 / math.tan(math.radians(25))
    a, b = static_camera(640, 480, fov=50.0)[0], static_camera(640, 480, focal=focal)[0]
    torch.testing.assert_close(a.K, b.K)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fov": 40.0, "focal": 500.0}, "give only one of them"),
        ({"fov": 170.0}, "between 5 and 120 degrees"),
        ({"focal": 3.0}, "expected pixels"),
    ],
)
def test_impossible_cameras_are_refused(options, words):
    with pytest.raises(UserError, match=words):
        static_camera(640, 480, **options)


KNOWN = Calibration(Path("K.json"), (610.0, 600.0), (265.0, 430.0), (), (600, 800))


def test_a_calibrated_camera_is_taken_as_it_is():
    camera, note = static_camera(
        600, 800, focal_35mm=26, calibration=KNOWN, crop=(10, 20, 500, 700)
    )
    assert camera.K[0].tolist() == [[610, 0, 255], [0, 600, 410], [0, 0, 1]]
    assert (camera.width, camera.height) == (500, 700)
    assert note.endswith("67.4 degrees (calibrated: K.json)")
    for other in ({"fov": 40.0}, {"focal": 500.0}):
        with pytest.raises(UserError, match="--camera replaces --fov and --focal"):
            static_camera(600, 800, calibration=KNOWN, **other)


def test_the_fit_of_a_known_camera_is_better_than_that_of_a_guessed_one():
    """A wide lens with its middle beside that of the picture; places in space against the truth."""
    body, motion = StickBody(), turning_person(8)
    true = Camera(KNOWN.matrix().float(), LEVEL_CAMERA_AXES, torch.zeros(3), 600, 800)
    truth = body.keypoints(body.from_motion(motion, torch.tensor([0.5])))
    tracks = observed(truth, true, noise=1.0)
    metres = {}
    for name, known in (("known", KNOWN), ("guessed", None)):
        camera, _ = static_camera(600, 800, calibration=known)
        fitter = Fitter(body, camera, tracks, [(0, 8)], 30.0)
        found = fitter.run(phases=(Phase(30, ROOT_VARIABLES, 0.2),)).keypoints
        metres[name] = float((found - truth)[:, :21].norm(dim=-1).mean())
    assert metres["known"] < 0.25 and metres["guessed"] > 1
