"""The game has the right labels, the penalty is the squared gradient, the weight climbs."""

import math
from dataclasses import replace

import pytest
import torch
from avatar_kit_ram.adversarial import (
    Adversary,
    adversarial_weight,
    discriminator_loss,
    gradient_penalty,
    in_time,
    renderer_loss,
)
from avatar_kit_ram.discriminator import Discriminator
from avatar_kit_ram.training_config import DiscriminatorConfig, StagesConfig
from torch import nn


def test_recorded_is_high_and_painted_is_low():
    high, low = torch.tensor([4.0]), torch.tensor([-4.0])
    assert discriminator_loss(recorded=high, painted=low) < 0.1
    assert discriminator_loss(recorded=low, painted=high) > 7.9
    assert renderer_loss(high) < 0.1 < 3.9 < renderer_loss(low)


def test_the_losses_are_those_of_the_cross_entropy():
    recorded, painted = torch.randn(5, dtype=torch.float64), torch.randn(5, dtype=torch.float64)
    wanted = -(recorded.sigmoid().log().mean() + (1 - painted.sigmoid()).log().mean())
    torch.testing.assert_close(discriminator_loss(recorded, painted), wanted)
    torch.testing.assert_close(renderer_loss(painted), -painted.sigmoid().log().mean())


def test_the_renderer_s_gradient_survives_a_confident_discriminator():
    painted = torch.tensor([-20.0], requires_grad=True)
    renderer_loss(painted).backward()
    assert painted.grad.item() == pytest.approx(-1.0)


def test_a_discriminator_learns_which_is_which_and_a_picture_learns_to_pass():
    torch.manual_seed(0)
    network = Discriminator(9, 32, 32, channel_multiplier=0.05, max_channels=8)
    recorded = torch.randn(4, 9, 32, 32) * 0.1 + 0.5
    painted = torch.randn(4, 9, 32, 32) * 0.1 - 0.5
    optimizer = torch.optim.Adam(network.parameters(), 2e-3, betas=(0.0, 0.99))
    for _ in range(40):
        optimizer.zero_grad()
        discriminator_loss(network(recorded), network(painted)).backward()
        optimizer.step()
    assert network(recorded).mean() > 0 > network(painted).mean()
    before = network(painted).mean()
    painted.requires_grad_()
    for _ in range(5):
        (gradient,) = torch.autograd.grad(renderer_loss(network(painted)), painted)
        painted = (painted - 20 * gradient).detach().requires_grad_()
    assert network(painted).mean() > before


def test_the_penalty_is_half_the_squared_gradient():
    weight = torch.randn(9 * 16, dtype=torch.float32)
    linear = nn.Sequential(nn.Flatten(), nn.Linear(9 * 16, 1), nn.Flatten(0))
    linear[1].weight.data = weight[None]
    pictures = torch.randn(3, 9, 4, 4)
    penalty = gradient_penalty(linear, pictures)
    torch.testing.assert_close(penalty, 0.5 * weight.square().sum())
    penalty.backward()
    torch.testing.assert_close(linear[1].weight.grad[0], weight)


def test_the_penalty_pulls_a_real_discriminator_and_stays_in_float32_under_autocast():
    network = Discriminator(9, 32, 32, channel_multiplier=0.05, max_channels=8)
    pictures = torch.randn(2, 9, 32, 32)
    alone = gradient_penalty(network, pictures)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        within = gradient_penalty(network, pictures)
    assert within.dtype == torch.float32
    assert torch.equal(alone, within)
    within.backward()
    moved = [n for n, p in network.named_parameters() if p.grad is not None and p.grad.any()]
    assert {"enter.0.weight", "blocks.0.1.weight", "judge.weight", "score.weight"} <= set(moved)


def test_the_weight_climbs_by_stairs_as_in_the_released_code():
    stages = StagesConfig()
    for step in (0, 1999, 2000, 50_000, 70_000, 149_999):
        wanted = min(1e-3 * 1.1 ** (step // 2000), 0.02)
        weight = adversarial_weight(step, 150_000, stages, 0.02)
        assert weight == pytest.approx(wanted)


def test_a_shorter_schedule_climbs_the_same_stairs():
    stages = StagesConfig()
    long = [adversarial_weight(step, 150_000, stages, 0.02) for step in range(0, 150_000, 250)]
    short = [adversarial_weight(step, 600, stages, 0.02) for step in range(600)]
    assert short == pytest.approx(long)
    assert short[0] == pytest.approx(1e-3)
    assert short[-1] == 0.02
    assert math.isclose(short[8], 1.1e-3)


def test_the_picture_stands_between_its_neighbours(batch):
    ones = torch.ones_like(batch.image)
    placed = in_time(replace(batch, previous_image=0 * ones, next_image=ones), 0.5 * ones)
    assert placed.shape == (len(batch), 9, 64, 64)
    assert placed[0, :, 0, 0].tolist() == [-1, -1, -1, 0, 0, 0, 1, 1, 1]


def test_without_neighbours_it_says_so(batch):
    alone = replace(batch, previous_image=None, next_image=None)
    with pytest.raises(ValueError, match="no neighbouring pictures"):
        in_time(alone, batch.image)


@pytest.fixture
def adversary():
    torch.manual_seed(0)
    config = DiscriminatorConfig(channel_multiplier=0.05, max_channels=8, learning_rate=5e-3)
    return Adversary(config, (64, 64), torch.device("cpu"))


def test_the_renderer_s_loss_leaves_the_discriminator_alone(adversary, batch):
    painted = batch.image.clone().requires_grad_()
    adversary.renderer_loss(batch, painted).backward()
    assert painted.grad.any()
    assert all(p.grad is None and p.requires_grad for p in adversary.network.parameters())


def test_its_updates_tell_recorded_from_painted(adversary, batch):
    grey = torch.full_like(batch.image, 0.5)
    first = adversary.update([batch], [grey], 0, 1.0)
    for step in range(1, 30):
        last = adversary.update([batch], [grey], step, 1.0)
    assert set(first) == {"discriminator", "r1"}
    assert set(last) == {"discriminator"}  # the penalty comes in every sixteenth step
    assert last["discriminator"] < 0.5 * first["discriminator"]
    network = adversary.network
    assert network(in_time(batch, batch.image)).min() > network(in_time(batch, grey)).max()


def test_the_penalty_counts_for_the_steps_it_skips(adversary, batch):
    before = [p.detach().clone() for p in adversary.network.parameters()]
    adversary.update([batch], [batch.image], 0, 0.0)
    given = [p.grad.clone() for p in adversary.network.parameters() if p.grad is not None]
    torch.testing.assert_close(list(adversary.network.parameters()), before)  # the rate is 0
    network, triple = adversary.network, in_time(batch, batch.image)
    network.zero_grad()
    scores = network(triple), network(triple)
    penalty = 16 * 10 * gradient_penalty(network, triple)
    (discriminator_loss(*scores) + penalty).backward()
    wanted = [p.grad for p in network.parameters() if p.grad is not None]
    torch.testing.assert_close(given, wanted)


def test_parts_of_a_batch_give_the_gradient_of_the_whole(adversary, batch, monkeypatch):
    from avatar_kit_ram import discriminator

    # but for the spread over a group, which sees fewer pictures at once
    monkeypatch.setattr(discriminator, "group_spread", lambda x: torch.zeros_like(x[:, :1]))
    grey = torch.full_like(batch.image, 0.5)
    whole = adversary.update([batch], [grey], 0, 0.0)
    wanted = [p.grad.clone() for p in adversary.network.parameters()]
    parts = batch.parts(3)
    assert [len(part) for part in parts] == [2, 2, 2]
    pieces = adversary.update(parts, [grey[:2]] * 3, 0, 0.0)
    torch.testing.assert_close(pieces, whole, atol=1e-5, rtol=1e-4)
    given = [p.grad for p in adversary.network.parameters()]
    torch.testing.assert_close(given, wanted, atol=1e-4, rtol=1e-3)
