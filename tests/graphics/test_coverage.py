"""Coverage and nearest depth: the z-buffer is the twin."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_kit.graphics import covered, nearest_depth, rasterize, visibility
from avatar_kit.scene import Camera


def scene(seed: int, count: int, spread: float):
    generator = torch.Generator().manual_seed(seed)
    centre = torch.rand(count, 1, 3, generator=generator)
    corners = centre + spread * torch.randn(count, 3, 3, generator=generator)
    return corners.reshape(1, -1, 3), torch.arange(3 * count).view(-1, 3)


@given(st.integers(0, 10**6), st.integers(1, 200), st.sampled_from([0.003, 0.05, 1.0]))
@settings(max_examples=40, deadline=None)
def test_nearest_depth_is_that_of_the_z_buffer(seed, count, spread):
    points, faces = scene(seed, count, spread)
    pixels, depth = 40 * points[..., :2], 3 * points[..., 2] - 1
    found = nearest_depth(pixels, depth, faces, 40, 30)
    triangle, _, twin = visibility(pixels, depth, faces, 40, 30, perspective=False)
    assert torch.equal(found == torch.inf, triangle < 0)
    assert torch.allclose(found[triangle >= 0], twin[triangle >= 0], atol=1e-5)


@given(st.integers(0, 10**6), st.sampled_from([0.02, 0.3]), st.floats(-1.5, 3))
@settings(max_examples=40, deadline=None)
def test_coverage_is_that_of_the_z_buffer_behind_the_camera_too(seed, spread, away):
    points, faces = scene(seed, 50, spread)
    eye = (0.5, 0.5, 0.5 + away)
    camera = Camera.look_at(eye=eye, target=(0.6, 0.4, -9.0), fov_y=50.0, width=48, height=32)
    found = covered(points, faces, camera)
    assert torch.equal(found, rasterize(points, faces, camera).triangle >= 0)


def test_a_closed_surface_has_no_cracks():
    """A fine grid whose vertices lie on the centres of pixels covers all of them."""
    at = torch.arange(9) + 0.5
    pixels = torch.cartesian_prod(at, at)[None]
    row = torch.arange(8)
    first = (9 * row[:, None] + row).reshape(-1)
    faces = torch.cat(
        [
            torch.stack([first, first + 1, first + 10], dim=1),
            torch.stack([first, first + 10, first + 9], dim=1),
        ]
    )
    found = nearest_depth(pixels, torch.ones(1, 81), faces, 9, 9)
    assert torch.equal(found, torch.ones(1, 9, 9))


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_what_is_not_finite_is_not_drawn(bad):
    pixels = torch.tensor([[[0.0, 0], [8, 0], [0, 8], [8, 8]]])
    faces = torch.tensor([[0, 1, 2], [1, 2, 3]])
    depth = torch.ones(1, 4)
    alone = nearest_depth(pixels, depth, faces[:1], 8, 8)
    for place in ((0, 3, 0), (0, 3, 1)):
        broken = pixels.clone()
        broken[place] = bad
        assert torch.equal(nearest_depth(broken, depth, faces, 8, 8), alone)
    depth[0, 3] = bad
    assert torch.equal(nearest_depth(pixels, depth, faces, 8, 8), alone)


def test_a_face_that_names_no_vertex_is_refused():
    with pytest.raises(ValueError, match=r"faces name vertices 0\.\.7 of 3"):
        nearest_depth(torch.zeros(1, 3, 2), torch.zeros(1, 3), torch.tensor([[0, 1, 7]]), 4, 4)
