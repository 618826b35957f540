"""What the Gaussians of `splat` do with a light, and without one."""

import pytest
import torch
from avatar_kit_splat.cloud import SurfaceGaussians
from avatar_kit_splat.config import SurfaceGaussiansConfig

from avatar_kit.gaussians import pose_gaussians
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
    _, normals, _ = cloud.places(frames.body)
    towards = torch.tensor([-0.5, 1.0, 0.0]) / 1.25**0.5
    expected = 0.5 * (1 - 0.3 * (normals @ towards).clamp(min=0))
    torch.testing.assert_close(cloud(frames).features, expected[..., None].expand(-1, -1, 3))


@torch.no_grad()
@pytest.mark.parametrize("found", [True, False])
def test_rigged_it_has_the_colours_and_shapes_that_it_draws(cloud, found):
    cloud.found.fill_(found)
    draw = torch.Generator().manual_seed(0)
    for value, size in ((cloud.ambient, 0.1), (cloud.offsets, 0.02), (cloud.quaternions, 1.0)):
        value.copy_(size * torch.randn(value.shape, generator=draw))
    cloud.direct.fill_(0.5)
    frames = world.context([1, 2])
    drawn = cloud(frames)
    lit = cloud.lit(frames, cloud.light.direction)
    rigged = cloud.rigged_gaussians()
    posed = pose_gaussians(rigged, frames.body.bone_transforms, lit=lit, camera=frames.camera)
    for name in ("means", "covariances", "features", "opacities"):
        torch.testing.assert_close(getattr(posed, name), getattr(drawn, name))
    assert torch.equal(posed.visible, drawn.visible)
    assert bool(rigged.light.direct.any()) == found


@torch.no_grad()
def test_a_shade_is_bounded_whatever_was_learned(cloud):
    cloud.found.fill_(True)
    cloud.direct.fill_(50.0)
    cloud.ambient.copy_(40 * torch.randn(8, 3, generator=torch.Generator().manual_seed(0)))
    shade = cloud(world.context([0])).features / 0.5
    assert float(shade.min()) == pytest.approx(0.2) and float(shade.max()) == pytest.approx(2.0)
