"""The discriminator's shape, its statistics, and that it can be differentiated twice."""

import pytest
import torch
from avatar_kit_ram.discriminator import Discriminator, group_spread

from avatar_kit.errors import UserError


def small(height=32, width=32, **options):
    torch.manual_seed(0)
    return Discriminator(9, height, width, channel_multiplier=0.05, max_channels=8, **options)


@pytest.mark.parametrize("size", [(32, 32), (64, 32), (48, 96), (80, 80), (36, 36), (256, 256)])
def test_every_size_the_style_unet_takes_gives_one_score_a_picture(size):
    assert small(*size)(torch.randn(3, 9, *size)).shape == (3,)


def test_a_size_that_cannot_be_halved_is_refused():
    with pytest.raises(UserError, match="multiples of"):
        small(33, 33)


@pytest.mark.parametrize(("multiplier", "millions"), [(2.0, 27.8), (1.0, 23.2)])
def test_as_many_parameters_as_the_paper_s_network_has(multiplier, millions):
    with torch.device("meta"):
        network = Discriminator(9, 1024, 1024, channel_multiplier=multiplier)
    count = sum(p.numel() for p in network.parameters())
    assert count / 1e6 == pytest.approx(millions, rel=0.01)


def test_scores_are_linear_in_the_last_layer_no_activation_follows():
    network = small()
    with torch.no_grad():
        network.score.weight.zero_()
        network.score.bias.fill_(-3.0)  # a leaky ReLU would make it -0.6
    assert network(torch.randn(2, 9, 32, 32)).tolist() == [-3.0, -3.0]


def test_every_parameter_gets_a_gradient():
    network = small()
    network(torch.randn(4, 9, 32, 32)).square().sum().backward()
    assert [n for n, p in network.named_parameters() if not p.grad.any()] == []


def test_every_picture_of_the_three_matters():
    pictures = torch.randn(2, 9, 32, 32, requires_grad=True)
    small()(pictures).sum().backward()
    assert (pictures.grad.unflatten(1, (3, 3)).abs().sum((2, 3, 4)) > 0).all()


def test_gradients_of_first_and_second_order_agree_with_finite_differences():
    network = small(32, 32).double()
    base = torch.randn(1, 9, 32, 32, dtype=torch.float64)
    direction = torch.randn_like(base)

    def along(amount):
        return network(base + amount * direction)

    amount = torch.zeros((), dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(along, (amount,))
    torch.autograd.gradgradcheck(along, (amount,))


def test_the_spread_is_that_of_every_group():
    x = torch.randn(8, 5, 3, 2, dtype=torch.float64)
    spread = group_spread(x)
    for first in range(2):  # members of a group lie 2 apart
        wanted = (x[first::2].var(0, unbiased=False) + 1e-8).sqrt().mean()
        torch.testing.assert_close(spread[first::2], wanted.expand(4, 1, 3, 2))


@pytest.mark.parametrize(("batch", "size"), [(1, 1), (2, 2), (3, 3), (5, 1), (6, 3)])
def test_the_largest_group_that_divides_the_batch_is_taken(batch, size):
    x = torch.randn(batch, 2, 2, 2)
    wanted = x.unflatten(0, (size, -1)).var(0, unbiased=False).add(1e-8).sqrt().mean((1, 2, 3))
    torch.testing.assert_close(group_spread(x)[:, 0, 0, 0], wanted.repeat(size))
