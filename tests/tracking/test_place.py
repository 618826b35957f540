import math

import pytest
import torch

from avatar_kit.errors import UserError
from avatar_kit.tracking.place import ASSUMED_FOV_DEGREES, static_camera


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
        ({"fov": 40.0, "focal": 500.0}, "give one of them"),
        ({"fov": 170.0}, "between 5 and 120 degrees"),
        ({"focal": 3.0}, "expected pixels"),
    ],
)
def test_impossible_cameras_are_refused(options, words):
    with pytest.raises(UserError, match=words):
        static_camera(640, 480, **options)
