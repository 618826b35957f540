import pytest
from avatar_kit_ram.config import StyleUNetConfig
from avatar_kit_ram.renderer import StyleUNetRenderer

from avatar_kit.errors import UserError
from avatar_kit.scene import ConditionSpec
from avatar_kit.testing import world


def test_the_style_unet_draws_the_trained_size_alone():
    config = StyleUNetConfig(
        channel_multiplier=0.1, max_channels=8, style=8, background="composite"
    )
    specs = {"body": ConditionSpec("feature_map", 4)}
    renderer = StyleUNetRenderer(config, world.setup(64, 64), specs)
    renderer.check_size(64, 64)
    with pytest.raises(UserError, match="'style_unet' draws only pictures of 64x64 pixels, not"):
        renderer.check_size(64, 128)
