"""A plate seen by other cameras: crops made by hand, projected points, a room traced by rays."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

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


@pytest.mark.parametrize(("left", "top"), [(6.5, 3.0), (0.25, 15.5)])
def test_crops_between_pixels_are_sampled(scene, camera, left, top):
    seen = scene(camera.crop_resize(left, top, 1.0, 16, 16))
    x, y = (torch.arange(16) + 0.5 + start for start in (left, top))
    grid = torch.stack([x.expand(16, 16), y[:, None].expand(16, 16)], -1) * 2 / SIZE - 1
    expected = F.grid_sample(scene.pictures, grid[None], align_corners=False)
    assert torch.allclose(seen, expected, atol=1e-4)


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


def test_beyond_the_plate_nothing_jumps(scene, camera):
    """A camera that sees three times as much: the edge goes on, and ends in the mean colour."""
    wide = camera.crop_resize(-5 * SIZE, -5 * SIZE, 1.0, 11 * SIZE, 11 * SIZE)
    seen, mean = scene(wide)[0], scene.pictures[0].mean((1, 2), keepdim=True)
    middle = slice(5 * SIZE, 6 * SIZE)
    assert torch.allclose(seen[:, middle, middle], scene.pictures[0], atol=1e-3)
    outside = seen[:, :, 6 * SIZE :]
    assert outside.diff(dim=2).abs().max() < 0.5 * scene.pictures.diff(dim=3).abs().max()
    assert torch.allclose(seen[:, :SIZE], mean.expand(-1, SIZE, 11 * SIZE), atol=1e-4)


WALL = -2.0


def room(camera):
    """[3, H, W] a wavy floor at 0.1 m and a wavy wall at z = -2, and [H, W, 3] where they are."""
    at = [torch.arange(n) + 0.5 for n in (camera.height, camera.width)]
    y, x = torch.meshgrid(*at, indexing="ij")
    pixels = torch.stack([x, y, torch.ones_like(x)], dim=-1)
    rays = pixels @ torch.linalg.inv(camera.K[0]).T @ camera.R[0]
    eye = camera.position[0]
    times = [(0.1 - eye[1]) / rays[..., 1], (WALL - eye[2]) / rays[..., 2]]
    time = torch.stack([torch.where(t > 0, t, torch.inf) for t in times]).amin(0)
    points = eye + rays * time[..., None]
    colours = 0.5 + 0.4 * torch.sin(torch.stack([2 * points[..., k] for k in range(3)]))
    return colours, points


@pytest.mark.parametrize("degrees", [-30, -12, 12, 30])
def test_an_orbit_sees_floor_and_wall_where_they_are(degrees):
    """The person stands 4 m before the camera, and 2 m before the wall."""
    view = {"width": 96, "height": 96, "fov_y": 40}
    own = Camera.look_at((0, 1.3, 4), (0, 1, 0), **view)
    scene = PlateBackground([Plate(room(own)[0], own)], stand=(0.0, 0.1, 0.0))
    angle = math.radians(degrees)
    eye = (4 * math.sin(angle), 1.3, 4 * math.cos(angle))
    other = Camera.look_at(eye, (0, 1, 0), **view)
    truth, points = room(other)
    (place, depth) = (v[0] for v in own.project(points.flatten(0, 1)[None]))
    shown = ((place > 1) & (place < 95)).all(1) & (depth > 0)
    shown = shown.view(96, 96)
    assert shown.float().mean() > 0.4
    error = (scene(other)[0] - truth).abs().amax(0)[shown]
    assert error.quantile(0.99) < 0.02
    far = PlateBackground(scene_plates(scene, own))  # without parallax it is somewhere else
    assert (far(other)[0] - truth).abs().amax(0)[shown].mean() > 0.1


def scene_plates(scene, camera):
    return [Plate(scene.pictures[0], camera)]


@settings(max_examples=40, deadline=None)
@given(
    eye=st.tuples(*[st.floats(-8, 8)] * 3),
    target=st.tuples(*[st.floats(-1, 1)] * 3),
    height=st.floats(-1, 1),
)
def test_any_camera_sees_colours_of_the_plate(eye, target, height):
    """Below the floor, behind the wall, straight through the person: finite, and in its range."""
    if math.hypot(eye[0] - target[0], eye[2] - target[2]) < 0.1:
        return  # straight up or down: no camera of look_at
    own = Camera.look_at((0, 1.3, 4), (0, 1, 0), width=16, height=16, fov_y=40)
    picture = 0.3 + 0.4 * torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))
    scene = PlateBackground([Plate(picture, own)], stand=(0.0, height, 0.0))
    seen = scene(Camera.look_at(eye, target, width=12, height=20, fov_y=60))
    assert torch.isfinite(seen).all()
    assert seen.min() > 0.2 and seen.max() < 0.8


def test_a_camera_that_only_turns_needs_no_floor(scene, camera):
    turned = Camera.look_at((0.5, 1.0, 3.0), (0.3, 1.1, 0), width=SIZE, height=SIZE, fov_y=40)
    known = PlateBackground(scene_plates(scene, camera), stand=(0.0, 0.0, 0.0))
    assert torch.allclose(known(turned), scene(turned), atol=1e-4)


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
