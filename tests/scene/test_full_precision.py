"""Geometry under bfloat16 autocast is the geometry without it."""

import pytest
import torch
from avatar_kit_anr.view import view_directions
from avatar_kit_ram.encoders import FaceMap, HandMap, normal_map

from avatar_kit.graphics import draw_segments, rasterize
from avatar_kit.scene import Camera, Motion
from tests.contexts import context_of, setup_of

SIZE = 1024


@pytest.fixture(scope="module")
def view():
    return Camera.look_at((0.2, 0.3, 2.6), (0, 0, 0), width=SIZE, height=SIZE, fov_y=45.0)


@pytest.fixture(scope="module")
def posed(body):
    return body(body.from_motion(Motion.rest(1), body.default_shape()))


def half():
    return torch.autocast("cpu", dtype=torch.bfloat16)


def test_what_autocast_does_to_a_product():
    """So that the tests below can fail: a matrix product is rounded."""
    with half():
        rounded = torch.tensor([[1000.4]]) @ torch.eye(1)
    assert rounded.dtype == torch.bfloat16 and abs(float(rounded) - 1000.4) > 0.3


def test_key_points_and_crops(view, posed):
    points = posed.hands.flatten(1, 2)

    def found():
        crop = view.crop_resize(100.3, 20.7, (0.37, 0.41), 300, 320)
        seen = [*view.project(points), *crop.project(points), crop.K, view.position]
        return [*seen, view.to_camera(points)]

    exact = found()
    with half():
        for one, other in zip(exact, found(), strict=True):
            assert other.dtype == torch.float32
            torch.testing.assert_close(one, other, atol=1e-3, rtol=0)


def test_a_crop_is_the_affine_map_of_its_matrix(view):
    move = torch.tensor([[2.0, 0, -2.0 * 30], [0, 0.5, -0.5 * 40], [0, 0, 1]])
    torch.testing.assert_close(view.crop_resize(30, 40, (2.0, 0.5), 9, 9).K[0], move @ view.K[0])


def test_the_body(body, view):
    motion = Motion.rest(1)
    exact = body(body.from_motion(motion, body.default_shape()))
    with half():
        rounded = body(body.from_motion(motion, body.default_shape()))
    for name in ("vertices", "joints", "bone_transforms", "hands", "normals"):
        one, other = getattr(exact, name), getattr(rounded, name)
        torch.testing.assert_close(one, other, atol=1e-6, rtol=0)


def test_maps(posed, view):
    setup = setup_of(posed, view)
    from avatar_kit_ram.config import FaceMapConfig, HandMapConfig

    parts = FaceMap(FaceMapConfig(), setup).draw, HandMap(HandMapConfig(), setup).draw
    for draw in (*parts, view_directions, lambda c: normal_map(c, c.fragments)):
        exact = draw(context_of(posed, camera=view))
        with half():
            rounded = draw(context_of(posed, camera=view))
        assert rounded.dtype == torch.float32
        torch.testing.assert_close(exact, rounded, atol=1e-5, rtol=0)


def test_what_the_attention_asks_from(posed, view):
    """The triangles and the weights of the small view of an expanded body."""

    def seen():
        camera = view.crop_resize(0.0, 0.0, 2 / 16, SIZE // 8, SIZE // 8)
        return rasterize(posed.vertices + 0.05 * posed.normals, posed.topology.faces, camera)

    exact = seen()
    with half():
        rounded = seen()
    assert torch.equal(exact.triangle, rounded.triangle)
    torch.testing.assert_close(exact.barycentrics, rounded.barycentrics, atol=1e-6, rtol=0)


def test_segments_of_projected_key_points(posed, view):
    ends = view.project(posed.hands.flatten(1, 2))[0]
    with half():
        moved = view.project(posed.hands.flatten(1, 2))[0]
    channel, how = torch.zeros(41, dtype=torch.long), {"line_width": 4.0, "height": SIZE}
    one, other = (
        draw_segments(p[:, :-1], p[:, 1:], channel, 1, width=SIZE, **how) for p in (ends, moved)
    )
    torch.testing.assert_close(one, other, atol=1e-3, rtol=0)
