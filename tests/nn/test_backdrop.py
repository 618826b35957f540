"""A plate seen by other cameras, against crops made by hand and against projected points."""

import pytest
import torch
import torch.nn.functional as F

from avatar_kit.nn.backdrop import Backdrop
from avatar_kit.scene import Camera, Plate

SIZE = 32


@pytest.fixture
def camera():
    return Camera.look_at((0.5, 1.0, 3.0), (0, 1, 0), width=SIZE, height=SIZE, fov_y=40)


@pytest.fixture
def backdrop(camera):
    picture = torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    return Backdrop(Plate(picture, camera), SIZE, SIZE)


def test_the_own_camera_sees_the_plate(backdrop, camera):
    assert torch.equal(backdrop(camera.expand(2)), backdrop.picture.expand(2, -1, -1, -1))


def test_a_crop_sees_the_cropped_plate(backdrop, camera):
    seen = backdrop(camera.crop_resize(6, 3, 1.0, 16, 16))
    assert torch.allclose(seen, backdrop.picture[..., 3:19, 6:22], atol=1e-4)


def test_a_zoom_sees_the_resized_plate(backdrop, camera):
    seen = backdrop(camera.crop_resize(8, 8, 2.0, 32, 32))
    wide = F.interpolate(backdrop.picture, scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.allclose(seen, wide[..., 16:48, 16:48], atol=1e-4)


def test_a_turned_camera_sees_far_points_where_it_projects_them(camera):
    """A bright dot far away lies where the turned camera projects the far point."""
    turned = Camera.look_at((0.5, 1.0, 3.0), (0.3, 1.1, 0), width=SIZE, height=SIZE, fov_y=40)
    far = torch.tensor([[[-300.0, 60.0, -1000.0]]])
    (column, row), _ = (v[0, 0] for v in camera.project(far))
    y, x = torch.meshgrid(torch.arange(SIZE) + 0.5, torch.arange(SIZE) + 0.5, indexing="ij")
    dot = torch.exp(-((x - column) ** 2 + (y - row) ** 2) / 4).expand(3, -1, -1)
    seen = Backdrop(Plate(dot, camera), SIZE, SIZE)(turned)[0, 0]
    weight = seen * (seen > 0.1)  # not the mean colour beyond the plate
    weight = weight / weight.sum()
    found = torch.stack([(weight * x).sum(), (weight * y).sum()])
    assert torch.allclose(found, turned.project(far)[0][0, 0], atol=0.3)


def test_what_the_plate_does_not_show_has_its_mean_colour(backdrop, camera):
    behind = Camera(camera.K, torch.diag(torch.tensor([-1.0, 1, -1])) @ camera.R, camera.t, 8, 8)
    mean = backdrop.picture.mean((2, 3), keepdim=True)
    assert torch.allclose(backdrop(behind), mean.expand(1, 3, 8, 8))


def test_weights_bring_the_plate_back(backdrop, camera):
    other = Backdrop(None, SIZE, SIZE)
    other.load_state_dict(backdrop.state_dict())
    zoom = camera.crop_resize(8, 8, 2.0, 32, 32)
    assert torch.equal(other(zoom), backdrop(zoom))
