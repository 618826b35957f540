import numpy as np
import pytest
import torch
from avatar_kit_studio import lighting
from avatar_kit_studio.noise import fractal, ridges, value_noise
from avatar_kit_studio.shade import resolve, tone


def test_a_roof_casts_a_shadow_where_the_key_says():
    """A small square 1 m up shades the floor point the key's ray through it hits, and no other."""
    key = np.array(lighting.KEY)
    square = np.array([[-0.2, 1, -0.2], [0.2, 1, -0.2], [0.2, 1, 0.2], [-0.2, 1, 0.2]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    frame = lighting.view_along(lighting.KEY, np.array([0, 0.5, 0]), 2.0, 256)
    depth = lighting.shadow_map(square, faces, frame)
    hit = -key / key[1]
    args = (frame.axes, frame.centre, frame.scale, depth, 0.01, 1.0, 2)
    assert lighting.lit(hit[0], 0.0, hit[2], *args) == 0.0
    assert lighting.lit(hit[0] + 0.5, 0.0, hit[2], *args) == 1.0
    edge = lighting.lit(hit[0] + 0.2, 0.0, hit[2], *args)
    assert 0.2 < edge < 0.8


def test_sky_views_look_every_way():
    views = lighting.sky_views(20, np.zeros(3), 1.0, 64)
    away = np.stack([v.axes[2] for v in views])
    assert np.allclose(away.mean(0), 0, atol=0.05)
    assert all(np.allclose(v.axes @ v.axes.T, np.eye(3)) for v in views)


def sky(occluders, points, normals):
    views = lighting.sky_views(20, np.array([0, 0.5, 0]), 2.0, 192)
    soft = np.zeros(len(points), bool)
    arrays = (np.asarray(a, np.float32) for a in (occluders, points, normals))
    return lighting.sky_light(views, *arrays, soft)


def test_open_ground_sees_the_sky_and_a_roofed_one_does_not():
    grid = np.mgrid[-0.5:0.5:120j, -0.5:0.5:120j].reshape(2, -1)
    roof = np.stack([grid[0], np.full(grid.shape[1], 0.25), grid[1]], 1)
    spot, up = np.array([[0.0, 0.0, 0.0]]), np.array([[0.0, 1.0, 0.0]])
    open_, roofed = sky(roof + np.array([9, 0, 0]), spot, up)[0], sky(roof, spot, up)[0]
    assert open_.sum() == pytest.approx(1.0)
    assert open_[0] > 5 * open_[1]
    assert roofed[0] < 0.35 * open_[0]


def test_tone_curve_is_monotonic_and_bounded():
    values = np.array([tone(x) for x in np.linspace(0, 12, 300)])
    assert values[0] == pytest.approx(0.0)
    assert (np.diff(values) >= 0).all()
    assert values.max() <= 1


def test_resolve_averages_samples():
    background = np.full((2, 2, 3), 0.3, np.float32)
    where = np.array([0, 1, 4], np.int64)  # three of the four samples of the first pixel
    radiance = np.full((3, 3), 0.8, np.float32)
    image, alpha = resolve(where, radiance, background, 2)
    assert np.allclose(alpha, [[0.75, 0], [0, 0]])
    assert image[0, 0, 0] == pytest.approx(0.75 * tone(0.8) + 0.25 * tone(0.3), abs=1e-6)
    assert image[1, 1, 0] == pytest.approx(tone(0.3), abs=1e-6)


def test_noise_is_bounded_smooth_and_repeats():
    x = np.linspace(0, 9, 2000)
    values = np.array([value_noise(v, 0.3, -4.2) for v in x])
    assert np.abs(values).max() <= 1
    assert np.abs(np.diff(values)).max() < 0.03
    assert values.std() > 0.2
    assert value_noise(1.5, 2.5, 3.5) == value_noise(1.5, 2.5, 3.5)
    assert abs(fractal(0.1, 0.2, 0.3, 4)) <= 1
    crests = ridges(np.random.default_rng(0).normal(size=(500, 3)) * 4, 0.9)
    assert crests.min() >= 0
    assert crests.max() <= 1
