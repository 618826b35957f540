"""The camera against closed forms."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avatar_kit.scene import Camera

number = st.floats(-2, 2)


def test_a_point_above_and_to_the_right_lands_above_and_to_the_right():
    camera = Camera.look_at((0, 1, 3), (0, 1, 0), width=200, height=100, fov_y=60)
    focal = 50 / math.tan(math.radians(30))
    pixels, depth = camera.project(torch.tensor([[[0.3, 1.6, 0.0]]]))
    assert depth.item() == pytest.approx(3.0)
    assert pixels[0, 0].tolist() == pytest.approx([100 + focal * 0.1, 50 - focal * 0.2], abs=1e-4)


def test_position_is_where_the_camera_was_put():
    camera = Camera.look_at((1, 2, 3), (0, 1, 0), width=64, height=64, fov_y=40)
    assert camera.position[0].tolist() == pytest.approx([1, 2, 3], abs=1e-5)
    assert torch.allclose(camera.R[0] @ camera.R[0].T, torch.eye(3), atol=1e-6)
    assert torch.linalg.det(camera.R[0]).item() == pytest.approx(1, abs=1e-5)


@given(number, number, number, st.floats(-50, 50), st.floats(-50, 50), st.floats(0.2, 3))
def test_cropping_moves_pixels_as_cropping_the_picture_does(x, y, z, left, top, scale):
    camera = Camera.look_at((0, 0, 6), (0, 0, 0), width=120, height=90, fov_y=40)
    point = torch.tensor([[[x, y, z]]])
    before, _ = camera.project(point)
    after, _ = camera.crop_resize(left, top, scale, 64, 64).project(point)
    expected = (before - torch.tensor([left, top])) * scale
    assert torch.allclose(after, expected, atol=2e-2)


def test_in_a_smaller_picture_points_lie_at_scaled_places():
    camera = Camera.look_at((0.0, 1.2, 3.0), (0.0, 1.0, 0.0), width=640, height=480, fov_y=40.0)
    points = torch.tensor([[[0.2, 1.5, 0.1], [-0.4, 0.3, 0.2]]])
    (small, _), (large, _) = camera.resized(160, 120).project(points), camera.project(points)
    torch.testing.assert_close(small, large / 4)


def test_a_wrong_shape_is_refused():
    with pytest.raises(ValueError, match=r"Camera\.K must be"):
        Camera(torch.eye(4), torch.eye(3), torch.zeros(3), 10, 10)
