import pytest
import torch
import torch.nn.functional as F
from avatar_kit_ram.fir import blur_after_transpose, fir_kernel
from avatar_kit_ram.modulated import ModulatedConv2d, modulated_conv2d


def one_by_one(x, weight, scale, *, demodulate, kernel):
    """The definition: modulate, normalise and convolve sample by sample, filter by filter."""
    pictures = []
    for picture, own in zip(x, scale, strict=True):
        filters = []
        for unmodulated in weight:
            own_filter = unmodulated * own[:, None, None]
            if demodulate:
                own_filter = own_filter / (own_filter.square().sum() + 1e-8).sqrt()
            filters.append(own_filter)
        stacked = torch.stack(filters)
        if kernel is None:
            pictures.append(F.conv2d(picture[None], stacked, padding=weight.shape[-1] // 2))
        else:
            raised = F.conv_transpose2d(picture[None], stacked.transpose(0, 1), stride=2)
            pictures.append(blur_after_transpose(raised, kernel, weight.shape[-1]))
    return torch.cat(pictures)


@pytest.mark.parametrize("demodulate", [True, False])
def test_the_gain_of_the_activation_comes_once(demodulate):
    torch.manual_seed(0)
    layer = ModulatedConv2d(6, 5, 3, 4, picture=(8, 8), demodulate=demodulate)
    x, style = torch.randn(2, 6, 8, 8), torch.randn(2, 4)
    weight = layer.weight * layer.weight_scale
    found = modulated_conv2d(x, weight, layer.modulation(style), demodulate=demodulate)
    expected = F.leaky_relu(found, 0.2) * 2**0.5  # bias and noise are 0 to begin with
    torch.testing.assert_close(layer(x, style), expected)


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("size", [1, 3])
def test_agrees_with_the_loop_over_samples(demodulate, up, size):
    torch.manual_seed(0)
    x = torch.randn(3, 4, 5, 6, dtype=torch.float64)
    weight = torch.randn(7, 4, size, size, dtype=torch.float64)
    scale = torch.randn(3, 4, dtype=torch.float64)
    options = {"demodulate": demodulate, "kernel": fir_kernel().double() if up else None}
    wanted = one_by_one(x, weight, scale, **options)
    torch.testing.assert_close(modulated_conv2d(x, weight, scale, **options), wanted)
    assert wanted.shape == (3, 7, 10, 12) if up else (3, 7, 5, 6)


@pytest.mark.parametrize("demodulate", [True, False])
def test_one_style_for_the_batch_equals_the_same_style_for_each(demodulate):
    x = torch.randn(3, 4, 5, 6, dtype=torch.float64)
    weight = torch.randn(7, 4, 3, 3, dtype=torch.float64)
    scale = torch.randn(1, 4, dtype=torch.float64)
    shared = modulated_conv2d(x, weight, scale, demodulate=demodulate)
    each = modulated_conv2d(x, weight, scale.expand(3, 4), demodulate=demodulate)
    torch.testing.assert_close(shared, each)


@pytest.mark.parametrize("styles", [1, 2])
def test_gradients(styles):
    inputs = [
        torch.randn(2, 3, 4, 4, dtype=torch.float64, requires_grad=True),
        torch.randn(2, 3, 3, 3, dtype=torch.float64, requires_grad=True),
        torch.randn(styles, 3, dtype=torch.float64, requires_grad=True),
    ]
    kernel = fir_kernel().double()
    assert torch.autograd.gradcheck(lambda *v: modulated_conv2d(*v, kernel=kernel), inputs)


def test_unit_variance_goes_in_and_comes_out():
    torch.manual_seed(0)
    layer = ModulatedConv2d(64, 64, 3, 16, picture=(32, 32))
    y = layer(torch.randn(2, 64, 32, 32), torch.randn(2, 16))
    # A leaky ReLU of slope 0.2 with gain sqrt(2) keeps the mean square of a Gaussian within 4 %.
    assert y.square().mean().item() == pytest.approx(1.04, abs=0.15)


def test_noise_is_fixed_and_silent_at_first():
    layer = ModulatedConv2d(4, 4, 3, 8, picture=(6, 6))
    x, style = torch.randn(1, 4, 6, 6), torch.randn(1, 8)
    before = layer(x, style)
    layer.noise.normal_()
    torch.testing.assert_close(layer(x, style), before, rtol=0, atol=0)
    layer.noise_strength.data.fill_(1.0)
    changed = layer(x, style)
    assert not torch.equal(changed, before)
    torch.testing.assert_close(layer(x, style), changed, rtol=0, atol=0)
