import math

import pytest
import torch
import torch.nn.functional as F
from avatar_kit_ram.equalized import LEAKY_GAIN, EqualConv2d, EqualLinear, pixel_norm
from avatar_kit_ram.shallow_unet import ShallowUNet


def test_linear_is_the_scaled_layer():
    layer = EqualLinear(6, 4, bias=0.5, rate=0.01, activate=True)
    x = torch.randn(3, 6)
    weight, bias = layer.weight * 0.01 / math.sqrt(6), layer.bias * 0.01
    wanted = F.leaky_relu(F.linear(x, weight, bias), 0.2) * LEAKY_GAIN
    torch.testing.assert_close(layer(x), wanted)
    torch.testing.assert_close(bias, torch.full((4,), 0.5))


@pytest.mark.parametrize("activate", [True, False])
def test_convolution_is_the_scaled_layer(activate):
    layer = EqualConv2d(3, 5, 3, activate=activate)
    layer.bias.data.normal_()
    x = torch.randn(2, 3, 6, 7)
    wanted = F.conv2d(x, layer.weight / math.sqrt(27), layer.bias, padding=1)
    wanted = F.leaky_relu(wanted, 0.2) * LEAKY_GAIN if activate else wanted
    torch.testing.assert_close(layer(x), wanted)


@pytest.mark.parametrize("size", [1, 3])
def test_downsampling_halves(size):
    assert EqualConv2d(2, 3, size, down=True)(torch.randn(1, 2, 8, 12)).shape == (1, 3, 4, 6)


def test_a_rate_slows_adam_down():
    moved = []
    for rate in (1.0, 0.01):
        torch.manual_seed(0)
        layer = EqualLinear(8, 8, rate=rate)
        x = torch.ones(1, 8)
        before = layer(x).detach()
        optimizer = torch.optim.Adam(layer.parameters(), lr=1e-3)
        layer(x).sum().backward()
        optimizer.step()
        moved.append(float((layer(x) - before).detach().abs().mean()))
    assert moved[1] == pytest.approx(0.01 * moved[0], rel=0.01)


def test_pixel_norm_gives_unit_root_mean_square():
    x = pixel_norm(torch.randn(4, 32) * 7)
    torch.testing.assert_close(x.square().mean(1), torch.ones(4))


def test_gradients():
    torch.manual_seed(0)
    x = torch.randn(1, 2, 6, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(EqualConv2d(2, 3, 3, down=True).double(), x)
    assert torch.autograd.gradcheck(pixel_norm, x)


def test_shallow_unet_keeps_the_size_and_sees_around():
    network = ShallowUNet(5, 16)
    x = torch.zeros(1, 5, 32, 40)
    assert network(x).shape == (1, 16, 32, 40)
    touched = x.clone()
    touched[0, 0, 16, 20] = 1.0
    changed = (network(touched) - network(x)).abs().amax((0, 1)) > 0
    top, left = changed.nonzero().amin(0).tolist()
    assert top <= 12
    assert left <= 16
    assert len([m for m in network.modules() if isinstance(m, EqualConv2d)]) == 5
