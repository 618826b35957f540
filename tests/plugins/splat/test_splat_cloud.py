"""What the Gaussians of `splat` do with a light, and without one."""

import pytest
import torch
from avatar_kit_splat.cloud import SurfaceGaussians
from avatar_kit_splat.config import SurfaceGaussiansConfig


@pytest.fixture
def cloud(setup):
    made = SurfaceGaussians(SurfaceGaussiansConfig(points=300, hull=0), setup)
    with torch.no_grad():
        made.colours.fill_(0.5)
        made.slope.copy_(torch.tensor([0.5, 0.0]))
    return made.eval()


@torch.no_grad()
def test_only_a_light_that_was_found_throws_shadows(cloud, context):
    frames = context([0, 1])
    plain = cloud(frames).features
    torch.testing.assert_close(plain, torch.full_like(plain, 0.5))
    cloud.found.fill_(True)
    shaded = cloud(frames).features
    assert bool((shaded <= plain + 1e-6).all()) and bool((shaded < 0.45).any())


@torch.no_grad()
def test_a_shade_is_bounded_whatever_was_learned(cloud, context):
    cloud.found.fill_(True)
    cloud.direct.fill_(50.0)
    cloud.ambient.copy_(40 * torch.randn(8, 3, generator=torch.Generator().manual_seed(0)))
    shade = cloud(context([0])).features / 0.5
    assert float(shade.min()) == pytest.approx(0.2) and float(shade.max()) == pytest.approx(2.0)
