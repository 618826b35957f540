"""The average against its closed form, and the exchange of weights."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from avatar_kit.engine.averaging import RAMP, Average, decay, learned_parameters, load_raw


class Tiny(nn.Module):
    """What an average sees of an avatar: learned parameters, and a body it must leave alone."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(2, 2)
        self.renderer = nn.Conv2d(2, 3, 3).to(memory_format=torch.channels_last)
        self.register_buffer("noise", torch.randn(4))


def raw_and_shown(average, name="renderer.weight"):
    raw = average.avatar.get_parameter(name).detach().clone()
    with average.applied():
        shown = average.avatar.get_parameter(name).detach().clone()
    return raw, shown


@settings(deadline=None)
@given(st.floats(0.5, 500), st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=20))
def test_the_average_is_the_weighted_sum_of_what_it_saw(half_life, values):
    avatar = Tiny()
    nn.init.constant_(avatar.renderer.weight, 2.0)
    average = Average(avatar, half_life)
    wanted = 2.0
    for step, value in enumerate(values, start=1):
        nn.init.constant_(avatar.renderer.weight, value)
        average.update(step)
        kept = 0.5 ** (1 / min(half_life, RAMP * step))
        wanted = kept * wanted + (1 - kept) * value
    _, shown = raw_and_shown(average)
    torch.testing.assert_close(shown, torch.full_like(shown, wanted), atol=1e-5, rtol=1e-5)


def test_after_its_half_life_a_weight_counts_half():
    assert decay(10**6, 40.0) ** 40 == pytest.approx(0.5)
    assert decay(1, 40.0) < 1e-5  # at the start the present counts


def test_within_applied_the_avatar_is_the_average_and_afterwards_itself():
    avatar = Tiny()
    average = Average(avatar, 10.0)
    start = avatar.renderer.weight.detach().clone()
    state = {k: v.clone() for k, v in avatar.state_dict().items()}
    nn.init.normal_(avatar.renderer.weight)
    moved = avatar.renderer.weight.detach().clone()
    body = avatar.body.weight
    with average.applied() as raw:
        assert torch.equal(avatar.renderer.weight, start)
        assert torch.equal(raw["renderer.weight"], moved)
        assert set(raw) == {"renderer.weight", "renderer.bias"}
        assert avatar.body.weight is body
        assert avatar.renderer.weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(avatar.renderer.weight, moved)
    assert torch.equal(avatar.noise, state["noise"])


def test_an_error_within_applied_puts_the_weights_back():
    average = Average(Tiny(), 10.0)
    nn.init.zeros_(average.avatar.renderer.weight)
    with pytest.raises(RuntimeError, match="probe"), average.applied():
        raise RuntimeError("probe")
    assert not average.avatar.renderer.weight.any()


def test_an_optimiser_goes_on_as_if_nothing_had_been_exchanged():
    def run(look):
        torch.manual_seed(0)
        avatar = Tiny()
        average = Average(avatar, 5.0)
        optimizer = torch.optim.Adam(avatar.renderer.parameters(), 0.1)
        for step in range(4):
            optimizer.zero_grad()
            avatar.renderer(torch.ones(1, 2, 4, 4)).square().sum().backward()
            optimizer.step()
            average.update(step + 1)
            if look:
                with average.applied():
                    pass
        return raw_and_shown(average)

    for one, other in zip(run(True), run(False), strict=True):
        assert torch.equal(one, other)


def test_a_parameter_of_another_shape_starts_anew():
    avatar = Tiny()
    average = Average(avatar, 100.0)
    avatar.renderer.weight = nn.Parameter(torch.full((5, 2, 3, 3), 7.0))
    average.update(1000)
    _, shown = raw_and_shown(average)
    assert torch.equal(shown, torch.full((5, 2, 3, 3), 7.0))


def test_raw_weights_are_put_back_by_name():
    avatar = Tiny()
    body = avatar.body.weight.detach().clone()
    load_raw(avatar, {"renderer.bias": torch.arange(3.0), "body.weight": torch.zeros(2, 2)})
    assert avatar.renderer.bias.tolist() == [0, 1, 2]
    assert torch.equal(avatar.body.weight, body)
    assert [name for name, _ in learned_parameters(avatar)] == ["renderer.weight", "renderer.bias"]
