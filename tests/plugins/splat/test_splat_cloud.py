"""What the Gaussians of `splat` do with a light, and without one."""

import pytest
import torch
from avatar_kit_splat.cloud import SurfaceGaussians
from avatar_kit_splat.config import SurfaceGaussiansConfig

from avatar_kit.testing import world


@pytest.fixture
def cloud():
    made = SurfaceGaussians(SurfaceGaussiansConfig(points=300, hull=0), world.setup())
    with torch.no_grad():
        made.colours.fill_(0.5)
        made.slope.copy_(torch.tensor([0.5, 0.0]))
    return made.eval()


@torch.no_grad()
def test_only_a_light_that_was_found_throws_shadows(cloud, monkeypatch):
    frames = world.context([0, 1])
    plain = cloud(frames).features
    torch.testing.assert_close(plain, torch.full_like(plain, 0.5))
    cloud.found.fill_(True)
    monkeypatch.setattr(cloud, "lit", lambda context, direction: torch.zeros(2, 300))
    _, normals, _ = cloud.carried(frames)
    towards = torch.tensor([-0.5, 1.0, 0.0]) / 1.25**0.5
    expected = 0.5 * (1 - 0.3 * (normals @ towards).clamp(min=0))
    torch.testing.assert_close(cloud(frames).features, expected[..., None].expand(-1, -1, 3))


@torch.no_grad()
def test_a_shade_is_bounded_whatever_was_learned(cloud):
    cloud.found.fill_(True)
    cloud.direct.fill_(50.0)
    cloud.ambient.copy_(40 * torch.randn(8, 3, generator=torch.Generator().manual_seed(0)))
    shade = cloud(world.context([0])).features / 0.5
    assert float(shade.min()) == pytest.approx(0.2) and float(shade.max()) == pytest.approx(2.0)
