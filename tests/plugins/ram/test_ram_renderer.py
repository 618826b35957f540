import pytest
import torch
from avatar_kit_ram.config import StyleUNetConfig
from avatar_kit_ram.renderer import StyleUNetRenderer

from avatar_kit.errors import UserError
from avatar_kit.scene import ConditionSpec, FeatureMap, Vector

SPECS = {"body": ConditionSpec("feature_map", 5), "hands": ConditionSpec("feature_map", 3)}
CODE = {"style": ConditionSpec("vector", 6)}


def small(specs, setup, **options):
    config = StyleUNetConfig(channel_multiplier=0.125, max_channels=16, style=8, **options)
    torch.manual_seed(0)
    return StyleUNetRenderer(config, setup, specs)


def wake(renderer):
    """Give the layers that start at zero something to say."""
    with torch.no_grad():
        for parameter in renderer.parameters():
            if not parameter.any():
                parameter.normal_()


def conditions(specs, batch, seed=0):
    generator = torch.Generator().manual_seed(seed)
    made = {}
    for name, spec in specs.items():
        if spec.kind == "vector":
            made[name] = Vector(torch.randn(batch, spec.channels, generator=generator))
        else:
            shape = (batch, spec.channels, 64, 64)
            made[name] = FeatureMap(torch.randn(shape, generator=generator))
    return made


@pytest.mark.parametrize("background", ["painted", "plate"])
@pytest.mark.parametrize("shortcut", [True, False])
@pytest.mark.parametrize("specs", [SPECS, SPECS | CODE])
def test_a_batch_of_two_equals_two_of_one(setup, camera, background, shortcut, specs):
    renderer = small(specs, setup, background=background, shortcut=shortcut).eval()
    wake(renderer)
    both = conditions(specs, 2)
    together = renderer(both, camera.expand(2))
    assert together.rgb.shape == (2, 3, 64, 64)
    assert (together.alpha is None) == (background == "painted")
    for i in range(2):
        one = {k: type(c)(c.values[i : i + 1]) for k, c in both.items()}
        torch.testing.assert_close(renderer(one, camera).rgb[0], together.rgb[i])


def test_only_the_code_of_a_frame_changes_its_style(setup, camera):
    specs = SPECS | CODE
    renderer = small(specs, setup)
    wake(renderer)
    given = conditions(specs, 2)
    before = renderer(given, camera.expand(2)).rgb
    given["style"].values[1] *= -1
    after = renderer(given, camera.expand(2)).rgb
    torch.testing.assert_close(after[0], before[0])
    assert (after[1] - before[1]).abs().max() > 1e-3


def test_the_plate_shows_where_alpha_is_low(setup, camera):
    renderer = small(SPECS, setup, background="plate")
    wake(renderer)
    renderer.plate.picture.uniform_()
    output = renderer(conditions(SPECS, 1), camera)
    alpha = output.alpha
    assert 0 <= alpha.min() < alpha.max() <= 1
    renderer.plate.picture += 1.0
    moved = renderer(conditions(SPECS, 1), camera).rgb - output.rgb
    torch.testing.assert_close(moved, (1 - alpha).expand_as(moved))


@pytest.mark.parametrize("background", ["plate", "composite"])
def test_where_alpha_is_zero_nothing_painted_shows(setup, camera, background):
    renderer = small(SPECS, setup, background=background, shortcut=True)
    wake(renderer)
    renderer.shortcut.bias.data = torch.tensor([3.0, -3.0, 5.0, -200.0])
    rgb = renderer(conditions(SPECS, 1), camera).rgb
    alone = (
        renderer.plate(conditions(SPECS, 1)) if background == "plate" else renderer.scene(camera)
    )
    torch.testing.assert_close(rgb, alone.expand_as(rgb))


def test_no_picture_error_reaches_the_plate(setup, camera):
    renderer = small(SPECS, setup, background="plate")
    renderer(conditions(SPECS, 1), camera).rgb.sum().backward()
    assert all(p.grad is None for p in renderer.plate.parameters())


def test_the_plate_starts_as_the_empty_scene(setup, camera):
    from dataclasses import replace

    from avatar_kit.scene import Plate

    scene = Plate(torch.rand(3, 64, 64), camera)
    renderer = small(SPECS, replace(setup, plates=(scene,)), background="plate")
    given = conditions(SPECS, 1)
    assert torch.equal(renderer(given, camera).background[0], scene.picture)


def test_shadows_darken_the_plate(setup, camera):
    renderer = small(SPECS, setup, background="plate", shadow="hands")
    given = conditions(SPECS, 2)
    given["hands"].values.clamp_(0, 1)
    share = torch.tensor([0.3, 0.0, 0.5])
    renderer.plate.darkness.data = torch.logit(share) / 5
    plate = renderer(given, camera.expand(2)).background
    first, _, third = given["hands"].values.unbind(1)
    wanted = 0.5 * (1 - 0.3 * first) * (1 - 0.5 * third)
    torch.testing.assert_close(plate, wanted[:, None].expand_as(plate))


def test_a_shadow_that_no_encoder_draws_is_refused(setup):
    with pytest.raises(UserError, match=r"renderer\.shadow: .*'sun' .*body, hands"):
        small(SPECS, setup, background="plate", shadow="sun")


def test_the_same_seed_builds_the_same_network(setup, camera):
    a, b = small(SPECS, setup), small(SPECS, setup)
    given = conditions(SPECS, 1)
    assert torch.equal(a(given, camera).rgb, b(given, camera).rgb)
    assert all(torch.equal(x, b.state_dict()[k]) for k, x in a.state_dict().items())
