"""The shade of a surface: the kernel against plain torch in double, with derivatives."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_kit.light import surface_shade
from avatar_kit.light.shading import shade_dense
from avatar_kit.scene import SurfaceLight

NAMES = "normals", "ambient", "direct"


def case(seed: int, count: int, strength: float):
    draw = torch.Generator().manual_seed(seed)
    normals = F.normalize(torch.randn(2, count, 3, generator=draw), dim=-1)
    lit = torch.rand(2, count, generator=draw)
    direction = F.normalize(torch.randn(3, generator=draw), dim=0)
    ambient = strength * torch.randn(8, 3, generator=draw)
    return normals, lit, SurfaceLight(direction, ambient, torch.rand(3, generator=draw), (0.2, 2.0))


@given(st.integers(0, 10**6), st.integers(1, 60), st.sampled_from([0.0, 0.1, 1.0]))
@settings(max_examples=30, deadline=None)
def test_the_kernel_shades_as_plain_torch_does(seed, count, strength):
    normals, lit, light = case(seed, count, strength)
    leaves = [v.requires_grad_() for v in (normals, light.ambient, light.direct)]
    found = surface_shade(light, normals, lit)
    double = [v.detach().double().requires_grad_() for v in leaves]
    twin_light = replace(
        light, direction=light.direction.double(), ambient=double[1], direct=double[2]
    )
    twin = shade_dense(twin_light, double[0], lit.double())
    torch.testing.assert_close(found.double(), twin, atol=2e-6, rtol=1e-5)
    # at a limit the derivative jumps, and rounding chooses the side
    clear = ((twin - 0.2).abs() > 1e-4) & ((twin - 2.0).abs() > 1e-4)
    turned = (double[0].detach() @ twin_light.direction).abs() > 1e-4
    weight = torch.randn_like(twin) * clear * turned[..., None]
    (found * weight.float()).sum().backward()
    (twin * weight).sum().backward()
    for name, a, b in zip(NAMES, leaves, double, strict=True):
        torch.testing.assert_close(a.grad.double(), b.grad, atol=2e-4, rtol=1e-4, msg=name)


def test_without_a_shadow_all_of_the_light_arrives():
    normals, lit, light = case(0, 20, 0.1)
    expected = surface_shade(light, normals, torch.ones_like(lit))
    assert torch.equal(surface_shade(light, normals), expected)
    assert not torch.allclose(surface_shade(light, normals, torch.zeros_like(lit)), expected)


@pytest.mark.parametrize("moves", ["lit", "direction"])
def test_what_the_kernel_gives_no_derivative_for_has_one_too(moves):
    normals, lit, light = case(1, 20, 0.1)
    leaf = (lit if moves == "lit" else light.direction).requires_grad_()
    surface_shade(light, normals, lit).sum().backward()
    assert leaf.grad is not None and leaf.grad.abs().sum() > 0
