import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from avatar_kit.encoders.cast_shadow import CastShadow, mean_of_nine
from avatar_kit.encoders.config import CastShadowConfig
from avatar_kit.scene import Camera
from avatar_kit.testing import world


def encoder(slope=(0.0, 0.0), **options):
    made = CastShadow(CastShadowConfig(**options), world.setup())
    made.slope.copy_(torch.tensor(slope))
    made.floor.fill_(-1.0)
    return made


def from_above(context):
    """The same frames, seen from straight above."""
    camera = Camera.look_at(
        (0, 40.0, 0), (0, 0, 0), width=256, height=256, fov_y=12, up=(0.0, 0.0, -1.0)
    )
    return replace(context, camera=camera.expand(len(context)))


def test_the_shadow_of_a_sphere_is_an_ellipse_of_known_place_and_size():
    frame = from_above(world.context([0]))
    slope = (0.8, -0.6)
    drawn = encoder(slope)(frame).values[0, 0]
    centre = frame.body.vertices[0].mean(0)
    height = float(centre[1]) + 1.0
    metre = 256 / (2 * math.tan(math.radians(6)) * 41.0)  # pixels, on the floor at y = -1
    assert float(drawn.sum()) == pytest.approx(math.pi * 0.6**2 * math.sqrt(2) * metre**2, rel=0.05)
    y, x = torch.meshgrid(torch.arange(256) + 0.5, torch.arange(256) + 0.5, indexing="ij")
    found = [float((drawn * at).sum() / drawn.sum()) for at in (x, y)]
    there = (float(centre[0]) + slope[0] * height, float(centre[2]) + slope[1] * height)
    assert found[0] == pytest.approx(128 + metre * there[0], abs=1.0)
    assert found[1] == pytest.approx(128 + metre * there[1], abs=1.0)


def test_it_begins_with_the_light_of_the_pictures(body, tmp_path):
    """What is found is the core's search (tests/light); here it must arrive and be saved."""
    from avatar_kit.config import resolve_method
    from avatar_kit.engine.run import RunFolder
    from avatar_kit.engine.setting_up import open_view, set_up
    from avatar_kit.testing.capture import small_capture

    root = small_capture(tmp_path / "one").root
    values = {"data": {"type": "capture", "path": str(root)}, "size": 64}
    config = resolve_method("ram", preset="demo", overrides=values).config
    training = set_up(config, RunFolder(tmp_path / "run"), open_view(config))
    shadow = training.avatar.encoders["shadow"]
    assert -0.3 < float(shadow.floor) < 0.3, "the soles of the person"
    assert {"encoders.shadow.slope", "encoders.shadow.floor"} <= set(
        training.avatar.learned_state()
    )


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (40, 30)])
def test_a_shadow_is_softened_by_the_mean_of_the_pixels_around(size):
    mask = torch.rand(2, 1, *size, generator=torch.Generator().manual_seed(0)) > 0.4
    pooled = F.avg_pool2d(mask.float(), 3, stride=1, padding=1, count_include_pad=False)
    torch.testing.assert_close(mean_of_nine(mask), pooled)
