"""The splat renderer from near and in crops."""

from dataclasses import replace

import pytest
import torch
from avatar_kit_splat.config import SplatConfig
from avatar_kit_splat.renderer import SplatRenderer

from avatar_kit.scene import Camera, ConditionSpec, FeatureMap, GaussianCloud, Plate
from avatar_kit.testing import world

#: Metres between the dots of a sheet, which at 3 m and 64 pixels is a little less than a pixel.
SPACING = 0.03


def sheet():
    """A flat sheet of small grey dots, 1 m wide, at the origin."""
    at = torch.arange(-16, 17) * SPACING
    means = torch.cartesian_prod(at, at, torch.zeros(1))[None]
    count = means.shape[1]
    still = torch.tensor([1.0, 0, 0, 0]).expand(1, count, 4)
    dots = torch.tensor([0.008, 0.008, 0.002]).expand(1, count, 3)
    return GaussianCloud(means, still, dots, torch.full((1, count), 0.95), torch.ones_like(means))


def seen_from(z):
    return Camera.look_at((0.0, 0, z), (0.0, 0, 0), width=64, height=64, fov_y=40)


def renderer(camera, stand, **specs):
    setup = replace(world.setup(), cameras=(camera,), stand=stand, plates=())
    return SplatRenderer(SplatConfig(), setup, {"cloud": ConditionSpec("gaussians", 3), **specs})


@torch.no_grad()
def test_a_nearer_camera_sees_no_gaps_between_gaussians():
    far, near = seen_from(3.0), seen_from(0.6)
    drawn = {}
    for stand in (None, (0.0, 0.0, 0.0)):
        alpha = renderer(far, stand)({"cloud": sheet()}, near).alpha[0, 0, 24:40, 24:40]
        drawn[stand] = float(alpha.min())
        # the trained view is the same, whether or not it is known where the person stands
        whole = renderer(far, stand)({"cloud": sheet()}, far).alpha
        assert torch.equal(whole, renderer(far, None)({"cloud": sheet()}, far).alpha)
    assert drawn[None] < 0.5 and drawn[0.0, 0.0, 0.0] > 0.8


def test_widening_grows_with_the_square_of_the_scale():
    made = renderer(seen_from(3.0), (0.0, 0.0, 0.0))
    means = torch.zeros(1, 1, 3)
    assert made.widening(means, seen_from(3.0)) == pytest.approx(0.3)
    assert made.widening(means, seen_from(2.5)) == pytest.approx(0.3)
    assert made.widening(means, seen_from(0.6)) == pytest.approx(0.3 * (5 / 1.25) ** 2, rel=1e-4)
    zoomed = seen_from(3.0).crop_resize(16, 16, 4.0, 64, 64)
    assert made.widening(means, zoomed) == pytest.approx(0.3 * (4 / 1.25) ** 2, rel=1e-4)


@torch.no_grad()
def test_a_crop_sees_the_same_shadow_as_the_whole_picture():
    """Blurs are of the trained size, whatever part of the picture is drawn."""
    camera = seen_from(3.0)
    made = renderer(camera, None, shadow=ConditionSpec("feature_map", 1))
    made.scene = type(made.scene)([Plate(torch.ones(3, 64, 64), camera)])
    shadow = torch.zeros(1, 1, 64, 64)
    shadow[..., 28:36, 28:36] = 1
    whole = made.background({"shadow": FeatureMap(shadow)}, camera)
    window = (..., slice(8, 56), slice(8, 56))
    part = camera.crop_resize(8, 8, 1.0, 48, 48)
    cropped = made.background({"shadow": FeatureMap(shadow[window])}, part)
    torch.testing.assert_close(cropped, whole[window], atol=2e-3, rtol=0)
    assert float(whole.min()) < 0.99
