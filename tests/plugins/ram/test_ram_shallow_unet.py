"""The shallow U-Net computes only where there is something, and says what it would say anyway."""

import pytest
import torch
from avatar_kit_ram.shallow_unet import REACH, ShallowUNet
from hypothesis import given, settings
from hypothesis import strategies as st

SIZE = (160, 192)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = ShallowUNet(3, 4)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 1:
                parameter.normal_()  # an empty picture is not answered by zero
    return network.requires_grad_(False)


@settings(max_examples=20, deadline=None)
@given(
    top=st.integers(0, SIZE[0] - 1),
    left=st.integers(0, SIZE[1] - 1),
    height=st.integers(0, 60),
    width=st.integers(0, 60),
    seed=st.integers(0, 2**31),
)
def test_the_box_alone_gives_the_whole_picture(network, top, left, height, width, seed):
    torch.manual_seed(seed)
    x = torch.zeros(1, 3, *SIZE)
    part = x[..., top : top + height, left : left + width]
    part.copy_(torch.randn_like(part))
    torch.testing.assert_close(network(x), network.whole(x), rtol=0, atol=1e-5)


def test_it_reaches_nearly_as_far_as_it_is_said_to(network):
    x = torch.zeros(1, 3, *SIZE)
    x[..., 80, 96] = 5.0
    felt = (network.whole(x) != network.whole(torch.zeros_like(x))).any(1)[0].nonzero()
    away = (felt - torch.tensor([80, 96])).abs().max()
    assert REACH - 6 <= away < REACH


def test_a_weight_that_is_written_counts(network):
    x = torch.zeros(1, 3, *SIZE)
    x[..., 70:80, 90:100] = 1.0
    before = network(x)
    with torch.no_grad():
        network.leave.bias += 1.0
    torch.testing.assert_close(network(x), before + 1.0)
    with torch.no_grad():
        network.leave.bias -= 1.0


def test_gradients_are_those_of_the_whole(network):
    x = torch.randn(1, 3, 32, 32).mul_(torch.arange(32) < 4)
    trained = ShallowUNet(3, 4)
    trained(x).square().sum().backward()
    found = [p.grad.clone() for p in trained.parameters()]
    trained.zero_grad()
    trained.whole(x).square().sum().backward()
    assert all(torch.equal(a, p.grad) for a, p in zip(found, trained.parameters(), strict=True))
