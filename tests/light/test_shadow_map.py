"""Self-shadow, against scenes whose shadows are known."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_kit.light import harmonics, lit_vertices, shadow_map
from avatar_kit.scene import PosedBody, Topology
from avatar_kit.testing import world


def body_of(vertices, faces):
    none = torch.zeros(0)
    topology = Topology(faces, none, none, none, none, ())
    empty = torch.zeros(1, 0, 3)
    return PosedBody(vertices[None], empty, empty, empty, topology)


def plate_at(height, side, cells=12):
    line = torch.linspace(-side / 2, side / 2, cells + 1)
    z, x = torch.meshgrid(line, line, indexing="ij")
    points = torch.stack([x, torch.full_like(x, height), z], -1).reshape(-1, 3)
    first = (torch.arange(cells)[:, None] * (cells + 1) + torch.arange(cells)).flatten()
    upper = torch.stack([first, first + cells + 1, first + 1], -1)
    lower = torch.stack([first + 1, first + cells + 1, first + cells + 2], -1)
    return points, torch.cat([upper, lower])


@pytest.mark.parametrize("slant", [0.0, 0.5])
def test_a_plate_shades_what_is_below_it(slant):
    above, faces = plate_at(1.0, 0.6)
    below, more = plate_at(0.0, 2.0, cells=40)
    vertices = torch.cat([above, below])
    body = body_of(vertices, torch.cat([faces, more + len(above)]))
    direction = torch.nn.functional.normalize(torch.tensor([slant, 1.0, 0.0]), dim=0)
    lit = lit_vertices(body, direction)[0]
    assert (lit[: len(above)] == 1).all()
    under = below + torch.tensor([slant, 0.0, 0.0])  # where the ray meets the upper plate
    inside = (under[:, [0, 2]].abs() < 0.24).all(1)
    outside = (under[:, [0, 2]].abs() > 0.36).any(1)
    assert (lit[len(above) :][inside] == 0).all()
    assert (lit[len(above) :][outside] == 1).all()


def test_a_ball_is_lit_on_its_side_of_the_light():
    body = world.bodies()[0]
    direction = torch.nn.functional.normalize(torch.tensor([0.3, 0.8, 0.5]), dim=0)
    centre = body.joints[0, 0]  # the true normals: a vertex on the seam knows one side alone
    normals = torch.nn.functional.normalize(body.vertices[0] - centre, dim=1)
    lit, facing = lit_vertices(body, direction)[0], normals @ direction
    assert (lit[facing > 0.35] == 1).all() and (lit[facing < -0.35] == 0).all()


def test_harmonics_are_even_over_the_sphere():
    """No direction is favoured: over the sphere each has mean zero, and they are independent."""
    normals = torch.nn.functional.normalize(
        torch.randn(200_000, 3, generator=torch.Generator().manual_seed(0)), dim=1
    )
    values = harmonics(normals)
    assert values.mean(0).abs().max() < 0.01 and values.abs().max() <= 1.0
    gram = values.T @ values / len(values)
    off = gram - torch.diag(gram.diagonal())
    assert off.abs().max() < 0.01


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 24))
def test_the_kernel_looks_up_what_plain_torch_does(seed, size):
    generator = torch.Generator().manual_seed(seed)
    pixels = (torch.rand(2, 60, 2, generator=generator) * 1.4 - 0.2) * size  # some beside the map
    depth = torch.rand(2, 60, generator=generator)
    nearest = torch.rand(2, size, size, generator=generator)
    nearest[nearest < 0.2] = torch.inf
    found = shadow_map._look_up(pixels, depth, nearest, 0.03)
    expected = shadow_map.look_up_dense(pixels, depth, nearest, 0.03)
    torch.testing.assert_close(found, expected)
