"""Weights off the surface: closed forms of diffusion, and a sampler against another library."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator

from avatar_kit.gaussians import diffused_weights, sample_grid, sample_surface
from avatar_kit.gaussians.skinning_grid import diffused
from avatar_kit.testing import world


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(*[st.integers(2, 7)] * 3),
    channels=st.integers(1, 4),
    seed=st.integers(0, 10**6),
)
def test_samples_are_those_of_another_library(shape, channels, seed):
    draw = torch.Generator().manual_seed(seed)
    grid = torch.randn(*shape, channels, generator=draw, dtype=torch.float64)
    low = torch.randn(3, generator=draw, dtype=torch.float64)
    high = low + 0.5 + torch.rand(3, generator=draw, dtype=torch.float64)
    points = low - 0.5 + torch.rand(40, 3, generator=draw, dtype=torch.float64) * 2.5
    axes = [torch.linspace(low[i], high[i], n, dtype=torch.float64) for i, n in enumerate(shape)]
    inside = points.clamp(low, high)  # the border repeats itself outside
    expected = RegularGridInterpolator([a.numpy() for a in axes], grid.numpy())(
        inside.numpy().clip([float(a[0]) for a in axes], [float(a[-1]) for a in axes])
    )
    found = sample_grid(grid, low, high, points)
    torch.testing.assert_close(found, torch.from_numpy(expected), atol=1e-9, rtol=1e-9)


def test_between_two_plates_weights_are_linear():
    """The solution of Laplace's equation between plates that hold 0 and 1."""
    nodes = 17
    values, known = torch.zeros(1, nodes, 12, 9), torch.zeros(nodes, 12, 9, dtype=torch.bool)
    values[:, -1], known[0], known[-1] = 1, True, True
    expected = torch.linspace(0, 1, nodes)[None, :, None, None].expand_as(values)
    torch.testing.assert_close(diffused(values, known, rounds=2000), expected, atol=1e-4, rtol=0)
    # with the rounds that are used it is near, since coarse levels come first
    assert (diffused(values, known) - expected).abs().max() < 0.04


def test_what_is_known_is_kept_and_the_rest_lies_between():
    draw = torch.Generator().manual_seed(0)
    values = torch.rand(3, 11, 6, 13, generator=draw)
    known = torch.rand(11, 6, 13, generator=draw) < 0.05
    found = diffused(values, known)
    assert torch.equal(found[:, known], values[:, known])
    for channel, of in zip(found, values, strict=True):
        assert channel.min() >= of[known].min() - 1e-6
        assert channel.max() <= of[known].max() + 1e-6


def halves():
    """The ball of the small world; its left half hangs on one bone, its right half on another."""
    rest = world.rest_body()
    left = (rest.vertices[:, 0] / world.RADIUS / 2 + 0.5).clamp(0, 1)
    transforms = torch.eye(4).repeat(2, 1, 1)
    weights = torch.stack([left, 1 - left], 1)
    return replace(rest, transforms=transforms, skinning_weights=weights, joint_parents=(-1, 0),
                   joint_names=("left", "right"))  # fmt: skip


def test_in_a_ball_they_are_those_of_potential_theory():
    """Linear on the surface, they are linear inside, and fall to the mean as 1/r^2 outside."""
    rest, draw = halves(), torch.Generator().manual_seed(1)
    points = torch.randn(200, 3, generator=draw)
    points *= 0.5 * world.RADIUS * torch.rand(200, 1, generator=draw) / points.norm(dim=1)[:, None]
    found = diffused_weights(rest, points, 48)
    torch.testing.assert_close(found.sum(1), torch.ones(200))
    assert (found[:, 0] - (points[:, 0] / world.RADIUS / 2 + 0.5)).abs().max() < 0.04
    outside = torch.tensor([[r * world.RADIUS, 0.0, 0.0] for r in (1.1, 1.4, 1.8)])
    beyond = diffused_weights(rest, outside, 48)[:, 0]
    assert (beyond.diff() < 0).all() and (beyond > 0.5).all()


def test_near_the_surface_they_are_the_surfaces(body):
    rest = body.rest(body.default_shape())
    draw = torch.Generator().manual_seed(0)
    spread = sample_surface(rest, 500, torch.ones(len(rest.topology.faces)), draw)
    on = spread.at_vertices(rest.skinning_weights, rest.topology.faces)
    places, errors = spread.rest(rest), []
    for resolution in (24, 48):
        found = diffused_weights(rest, places, resolution)
        torch.testing.assert_close(found.sum(1), torch.ones(500))
        assert found.min() >= 0
        errors.append(float((found - on).abs().sum(1).mean()))
    assert errors[1] < 0.7 * errors[0] < 0.4, errors


@pytest.mark.parametrize("resolution", [8, 33])
def test_one_bone_has_all_the_weight(resolution):
    points = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.9, 0.3]])
    found = diffused_weights(world.rest_body(), points, resolution)
    torch.testing.assert_close(found, torch.ones(2, 1))
