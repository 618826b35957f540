"""Our networks against outputs of the released ones, of the same weights."""

import zlib

import numpy as np
import torch
from avatar_kit_ram.discriminator import Discriminator
from avatar_kit_ram.equalized import EqualLinear
from avatar_kit_ram.renderer import pixel_norm
from avatar_kit_ram.style_unet import StyleUNet
from torch import nn

from tests.conftest import shared_file


def by_rule(module):
    """Weights that follow from the names alone, as the golden cases have them."""
    values = {}
    for name, value in module.state_dict().items():
        if not value.is_floating_point() or name.endswith("kernel"):
            continue
        generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        drawn = torch.randn(value.shape, generator=generator)
        if name.endswith("modulation.bias"):
            drawn = 1 + 0.1 * drawn
        elif name.endswith("bias"):
            drawn = 0.3 * drawn
        elif name.endswith("noise_strength"):
            drawn = 0.2 * drawn
        elif name.startswith("mapping.") and name.endswith("weight"):
            drawn = 100 * drawn
        values[name] = drawn
    module.load_state_dict(values, strict=False)
    return module.eval()


def golden(name):
    found = np.load(shared_file(f"golden/ram/{name}.npz"))
    return {key: torch.from_numpy(found[key]) for key in found.files}


class Painter(nn.Module):
    """Mapping and network under the names of the golden case."""

    def __init__(self, bare_skips):
        super().__init__()
        layers = (EqualLinear(512, 512, rate=0.01, activate=True) for _ in range(2))
        self.mapping = nn.Sequential(*layers)
        self.network = StyleUNet(80, 64, 64, channel_multiplier=2.0, bare_skips=bare_skips)


@torch.no_grad()
def test_style_unet():
    case = golden("style_unet_64")
    painter = by_rule(Painter(bare_skips=True))
    style = painter.mapping(pixel_norm(case["code"]))
    torch.testing.assert_close(style, case["style"], atol=1e-5, rtol=1e-5)
    painted = painter.network(case["conditions"], style)
    torch.testing.assert_close(painted, case["output"], atol=2e-5, rtol=0)
    # So that the test can fail: skips that leave after the conditions paint something else.
    other = by_rule(Painter(bare_skips=False)).network(case["conditions"], style)
    assert (other - case["output"]).abs().max() > 1


@torch.no_grad()
def test_discriminator():
    case = golden("discriminator_64")
    score = by_rule(Discriminator(9, 64, 64, channel_multiplier=2.0))(case["pictures"])
    released = nn.functional.leaky_relu(score, 0.2) * 2**0.5
    torch.testing.assert_close(released, case["score"], atol=1e-5, rtol=1e-5)
