import pytest
import torch
from torch import nn
from torch.nn import functional as F

from avatar_kit.nn.blurred_convolution import BlurredConvolution
from avatar_kit.nn.perceptual import BlurPool


@pytest.mark.parametrize("height", [36, 37])
@pytest.mark.parametrize("width", [41, 44])
@pytest.mark.parametrize(("size", "padding"), [(11, 2), (3, 1), (5, 0)])
def test_it_is_a_convolution_and_then_a_blur(height, width, size, padding):
    torch.manual_seed(0)
    joined = BlurredConvolution(3, 4, size, padding=padding).double()
    apart = nn.Conv2d(3, 4, size, padding=padding).double()
    apart.load_state_dict(joined.state_dict())
    x = torch.randn(2, 3, height, width, dtype=torch.float64, requires_grad=True)
    twin = x.detach().clone().requires_grad_()
    found, wanted = joined(x), BlurPool(4).double()(apart(twin))
    torch.testing.assert_close(found, wanted)
    weight = torch.randn_like(found)
    (found * weight).sum().backward()
    (wanted * weight).sum().backward()
    torch.testing.assert_close(x.grad, twin.grad)
    torch.testing.assert_close(joined.weight.grad, apart.weight.grad)


def test_weights_that_are_loaded_count():
    layer, x = BlurredConvolution(3, 2, 5, padding=2), torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        before = layer(x)
        layer.weight.mul_(2)
        layer.bias.mul_(2)
        torch.testing.assert_close(layer(x), 2 * before)
    assert F.relu(before).any()
