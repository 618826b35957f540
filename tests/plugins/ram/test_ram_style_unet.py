import pytest
import torch
from avatar_kit_ram.shallow_unet import ShallowUNet
from avatar_kit_ram.style_unet import StyleUNet, level_channels, level_sizes
from torch.utils.flop_counter import FlopCounterMode

from avatar_kit.errors import UserError


def awake(network):
    """A network whose layers that start at zero have something to say."""
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():
                parameter.normal_()
    return network


def multiply_adds(network, *inputs):
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(*inputs)
    return counter.get_total_flops() / 2e9


@pytest.mark.parametrize(
    ("size", "multiplier", "millions", "giga"),
    [(1024, 2.0, 55.0, 198), (512, 2.0, 54.4, 142), (1024, 1.0, 40.2, 65), (512, 1.0, 40.0, 49)],
)
def test_size_and_cost_are_those_of_the_paper_s_network(size, multiplier, millions, giga):
    """With the mapping network's two layers; the low-pass filters add up to 4 % of the work."""
    with torch.device("meta"):
        network = StyleUNet(80, size, size, channel_multiplier=multiplier)
        inputs = torch.empty(1, 80, size, size), torch.empty(1, 512)
    mapping = 2 * (512 * 512 + 512)
    weights = sum(p.numel() for p in network.parameters()) + mapping
    assert weights / 1e6 == pytest.approx(millions, rel=0.002)
    assert multiply_adds(network, *inputs) == pytest.approx(giga, rel=0.04)


def test_the_shallow_unet_costs_what_its_five_layers_cost():
    with torch.device("meta"):
        network, x = ShallowUNet(5, 16), torch.empty(1, 5, 1024, 1024)
    assert multiply_adds(network, x) == pytest.approx(3.6, rel=0.08)


def test_levels_follow_the_pyramid_of_the_paper():
    sizes = level_sizes(1024, 1024)
    assert [s[0] for s in sizes] == [512, 256, 128, 64, 32, 16, 8]
    assert level_channels(sizes, 2.0, 512) == [64, 128, 256, 512, 512, 512, 512]


def test_pictures_need_not_be_square_nor_powers_of_two():
    torch.manual_seed(0)
    network = StyleUNet(4, 96, 160, channel_multiplier=0.1, max_channels=8, style=8)
    assert network(torch.randn(2, 4, 96, 160), torch.randn(1, 8)).shape == (2, 3, 96, 160)


@pytest.mark.parametrize("size", [(30, 64), (100, 100), (16, 16)])
def test_a_size_that_cannot_be_halved_is_named(size):
    with pytest.raises(UserError, match=r"size: the StyleUNet halves .* multiples of \d+"):
        level_sizes(*size)


def test_a_finest_skip_lets_small_detail_through():
    torch.manual_seed(0)
    x, style = torch.randn(1, 4, 64, 64), torch.randn(1, 8)
    touched = x.clone()
    touched[..., 30:32, 30:32] += 3.0
    share = []
    for skip in (True, False):
        network = StyleUNet(
            4, 64, 64, channel_multiplier=0.1, max_channels=8, style=8, finest_skip=skip
        )
        change = (awake(network)(touched, style) - network(x, style)).square()
        share.append((change[..., 27:35, 27:35].sum() / change.sum()).item())
    assert share[0] > 2 * share[1]


def test_a_style_changes_the_picture():
    torch.manual_seed(0)
    network = awake(StyleUNet(4, 32, 32, channel_multiplier=0.1, max_channels=8, style=8))
    x = torch.randn(1, 4, 32, 32)
    assert (network(x, torch.randn(1, 8)) - network(x, torch.randn(1, 8))).abs().max() > 1e-3


def test_conditions_reach_as_far_as_the_coarsest_level():
    torch.manual_seed(0)
    network = awake(StyleUNet(4, 64, 64, channel_multiplier=0.1, max_channels=8, style=8))
    x, style = torch.randn(1, 4, 64, 64), torch.randn(1, 8)
    touched = x.clone()
    touched[..., 0, 0] += 5.0
    change = (network(touched, style) - network(x, style)).abs()
    assert change[..., 30, 30].max() > 0  # further than the finest three levels can see
