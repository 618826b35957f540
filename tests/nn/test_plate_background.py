"""A plate seen by other cameras, against crops made by hand and against projected points."""

import pytest
import torch
import torch.nn.functional as F

from avatar_kit.interfaces import make_room
from avatar_kit.nn.plate_background import PlateBackground
from avatar_kit.scene import Camera, Plate, stack_cameras

SIZE = 32


@pytest.fixture
def camera():
    return Camera.look_at((0.5, 1.0, 3.0), (0, 1, 0), width=SIZE, height=SIZE, fov_y=40)


@pytest.fixture
def scene(camera):
    picture = torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    return PlateBackground([Plate(picture, camera)])


def test_the_own_camera_sees_the_plate(scene, camera):
    assert torch.equal(scene(camera.expand(2)), scene.pictures.expand(2, -1, -1, -1))


def test_a_crop_sees_the_cropped_plate(scene, camera):
    seen = scene(camera.crop_resize(6, 3, 1.0, 16, 16).expand(2))
    assert torch.equal(seen, scene.pictures[..., 3:19, 6:22].expand(2, -1, -1, -1))


@pytest.mark.parametrize(("left", "top"), [(6.5, 3.0), (-2.0, 0.0), (20.0, 4.0)])
def test_crops_between_pixels_or_beyond_the_border_are_sampled(scene, camera, left, top):
    seen = scene(camera.crop_resize(left, top, 1.0, 16, 16))
    x = torch.arange(16) + 0.5 + left
    y = torch.arange(16) + 0.5 + top
    grid = torch.stack([x.expand(16, 16), y[:, None].expand(16, 16)], -1) * 2 / SIZE - 1
    expected = F.grid_sample(scene.pictures, grid[None], align_corners=False, padding_mode="border")
    outside = ((x < 0) | (x > SIZE))[None, None, None, :].expand_as(expected)
    mean = scene.pictures.mean((2, 3), keepdim=True).expand_as(expected)
    assert torch.allclose(seen, torch.where(outside, mean, expected), atol=1e-4)


def test_a_zoom_sees_the_resized_plate(scene, camera):
    seen = scene(camera.crop_resize(8, 8, 2.0, 32, 32))
    wide = F.interpolate(scene.pictures, scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.allclose(seen, wide[..., 16:48, 16:48], atol=1e-4)


def test_a_turned_camera_sees_far_points_where_it_projects_them(camera):
    """A bright dot far away lies where the turned camera projects the far point."""
    turned = Camera.look_at((0.5, 1.0, 3.0), (0.3, 1.1, 0), width=SIZE, height=SIZE, fov_y=40)
    far = torch.tensor([[[-300.0, 60.0, -1000.0]]])
    (column, row), _ = (v[0, 0] for v in camera.project(far))
    y, x = torch.meshgrid(torch.arange(SIZE) + 0.5, torch.arange(SIZE) + 0.5, indexing="ij")
    dot = torch.exp(-((x - column) ** 2 + (y - row) ** 2) / 4).expand(3, -1, -1)
    seen = PlateBackground([Plate(dot, camera)])(turned)[0, 0]
    weight = seen * (seen > 0.1)  # not the mean colour beyond the plate
    weight = weight / weight.sum()
    found = torch.stack([(weight * x).sum(), (weight * y).sum()])
    assert torch.allclose(found, turned.project(far)[0][0, 0], atol=0.3)


def test_what_the_plate_does_not_show_has_its_mean_colour(scene, camera):
    behind = Camera(camera.K, torch.diag(torch.tensor([-1.0, 1, -1])) @ camera.R, camera.t, 8, 8)
    mean = scene.pictures.mean((2, 3), keepdim=True)
    assert torch.allclose(scene(behind), mean.expand(1, 3, 8, 8))


def test_weights_bring_the_plate_back(scene, camera):
    other = PlateBackground([])
    make_room(other, scene.state_dict())
    other.load_state_dict(scene.state_dict())
    zoom = camera.crop_resize(8, 8, 2.0, 32, 32)
    assert torch.equal(other(zoom), scene(zoom))


def test_every_camera_sees_the_plate_of_the_nearest():
    """Three cameras around; each sees its own plate, and a fourth that of its neighbour."""
    eyes = [(3.0, 1, 0), (0.0, 1, 3), (-3.0, 1, 0)]
    cameras = [Camera.look_at(e, (0, 1, 0), width=8, height=6, fov_y=40) for e in eyes]
    plates = [Plate(torch.full((3, 6, 8), 0.2 * (i + 1)), c) for i, c in enumerate(cameras)]
    scene = PlateBackground(plates)
    seen = scene(stack_cameras([cameras[2], cameras[0], cameras[1]]))
    assert torch.allclose(seen.mean((1, 2, 3)), torch.tensor([0.6, 0.2, 0.4]))
    near = Camera.look_at((0.5, 1, 2.9), (0, 1, 0), width=8, height=6, fov_y=40)
    assert torch.allclose(scene(near), torch.tensor(0.4))


def test_without_a_plate_the_background_is_black(camera):
    assert torch.equal(PlateBackground([])(camera.expand(2)), torch.zeros(2, 3, SIZE, SIZE))
