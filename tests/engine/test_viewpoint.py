"""Cameras that move, against cameras placed by hand and against persons that turn instead."""

import json
import math

import pytest
import torch

from avatar_kit.engine.viewpoint import before_own_camera, moved, orbit, read_camera_path
from avatar_kit.errors import UserError
from avatar_kit.scene import Camera, PosedBody, Topology
from tests.contexts import context_of

CENTRE = torch.tensor([0.3, 1.0, -0.2])


@pytest.fixture
def camera():
    return Camera.look_at((0.5, 1.2, 3.0), (0, 1, 0), width=40, height=30, fov_y=40)


def test_an_orbit_is_a_circle_at_one_height(camera):
    cameras = orbit(camera, CENTRE, 360, 8)
    offset = cameras.position - CENTRE
    assert torch.allclose(cameras.R[0], camera.R[0]) and torch.allclose(cameras.t[0], camera.t[0])
    assert torch.allclose(offset[:, 1], offset[:1, 1].expand(8), atol=1e-5)
    angle = torch.atan2(offset[:, 0], offset[:, 2])
    step = torch.remainder(angle.diff(), 2 * math.pi)
    assert torch.allclose(step, torch.full((7,), math.pi / 4), atol=1e-4)
    pixels, depth = cameras.project(CENTRE.expand(8, 1, 3))
    assert torch.allclose(pixels, pixels[:1].expand_as(pixels), atol=1e-3)
    assert torch.allclose(depth, depth[:1].expand_as(depth), atol=1e-4)


def body(points):
    topology = Topology(
        *[torch.zeros(0, 3, dtype=torch.long)] * 3, torch.zeros(0), torch.zeros(0), ()
    )
    bones = torch.eye(4).repeat(len(points), 1, 1, 1)
    bones[:, 0, :3, 3] = points[:, 0]
    return PosedBody(points, points[:, :4], bones, points[:, :42].unflatten(1, (2, 21)), topology)


def test_the_person_who_turns_looks_like_the_camera_that_orbits(camera):
    generator = torch.Generator().manual_seed(0)
    bodies = body(torch.rand(5, 60, 3, generator=generator) + CENTRE - 0.5)
    cameras = orbit(camera, CENTRE, 130, 5)
    turned = moved(bodies, cameras, camera)
    for name in ("vertices", "joints"):
        wanted, depth = cameras.project(getattr(bodies, name))
        found, found_depth = camera.expand(5).project(getattr(turned, name))
        assert torch.allclose(found, wanted, atol=1e-3)
        assert torch.allclose(found_depth, depth, atol=1e-4)
    wanted, _ = cameras.project(bodies.hands.flatten(1, 2))
    assert torch.allclose(
        camera.expand(5).project(turned.hands.flatten(1, 2))[0], wanted, atol=1e-3
    )
    assert torch.allclose(turned.bone_transforms[:, 0, :3, 3], turned.vertices[:, 0], atol=1e-5)


def test_the_frame_before_is_seen_by_the_camera_before(camera):
    bodies = body(torch.rand(1, 60, 3))
    cameras = orbit(camera, CENTRE, 90, 2)
    now, before = cameras[1], cameras[0]
    context = before_own_camera(context_of(bodies, camera=now), before, camera)
    assert torch.allclose(context.previous.vertices, bodies.vertices, atol=1e-5)
    assert not torch.allclose(context.body.vertices, bodies.vertices, atol=1e-2)
    assert torch.equal(context.camera.R, camera.R)


def key(time, eye, target=(0, 0, 0)):
    return {"time": time, "eye": list(eye), "target": list(target)}


def written(tmp_path, content):
    path = tmp_path / "path.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_path_goes_straight_between_keys(tmp_path, camera):
    path = written(tmp_path, {"keys": [key(1, (0, 0, 4)), key(3, (2, 0, 4), (2, 0, 0))]})
    cameras, other_lens = read_camera_path(path, camera, CENTRE, 9, 2.0)
    assert not other_lens and torch.equal(cameras.K, camera.K.expand(9, 3, 3))
    x = cameras.position[:, 0] - CENTRE[0]
    wanted = torch.tensor([0, 0, 0, 0.5, 1.0, 1.5, 2, 2, 2])
    assert torch.allclose(x, wanted, atol=1e-5)
    by_hand = Camera.look_at(
        tuple((CENTRE + torch.tensor([1.0, 0, 4])).tolist()),
        tuple((CENTRE + torch.tensor([1.0, 0, 0])).tolist()),
        width=40,
        height=30,
        fov_y=40,
    )
    assert torch.allclose(cameras.R[4], by_hand.R[0], atol=1e-5)


def test_a_path_may_bring_its_lens(tmp_path, camera):
    path = written(tmp_path, {"keys": [key(0, (0, 0, 4))], "fov_y": 90})
    cameras, other_lens = read_camera_path(path, camera, CENTRE, 3, 25.0)
    assert other_lens and float(cameras.K[2, 1, 1]) == pytest.approx(15.0)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "not valid JSON"),
        ([], "expected .*keys"),
        ({"keys": []}, "expected .*keys"),
        ({"keys": [key(0, (0, 0, 4))], "fov": 40}, "fov: unknown key; did you mean 'fov_y'"),
        ({"keys": [{"time": 0, "eye": [0, 0, 4]}]}, r"keys.0.target: is required"),
        ({"keys": [key("now", (0, 0, 4))]}, r"keys.0.time: expected a number"),
        ({"keys": [key(0, (0, 4))]}, r"keys.0.eye.2: is required"),
        ({"keys": [key(0, (0, 0, 4)), key(0, (0, 0, 3))]}, "times of the keys must increase"),
        ({"keys": [key(0, (0, 0, 4))], "fov_y": 200}, "fov_y: expected at least 1 and at most 170"),
        ({"keys": [key(0, (0, 3, 0))]}, "looks straight up or down"),
    ],
)
def test_paths_that_cannot_be(tmp_path, camera, content, says):
    with pytest.raises(UserError, match=says):
        read_camera_path(written(tmp_path, content), camera, CENTRE, 3, 25.0)


def test_a_path_that_is_not_there(tmp_path, camera):
    with pytest.raises(UserError, match="no such camera path"):
        read_camera_path(tmp_path / "none.json", camera, CENTRE, 3, 25.0)
