"""Density control: divergences beside torch's, decisions, and what becomes of the rows."""

import math

import pytest
import roma
import torch
import torch.nn.functional as F
from avatar_kit_r3.cloud import RecordedGaussians
from avatar_kit_r3.config import DensityConfig, RecordConfig, RecordedGaussiansConfig, RigConfig
from avatar_kit_r3.density import DensityControl, divergence, picture_gradients, planned
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import MultivariateNormal, kl_divergence
from torch.optim import Adam

from avatar_kit.testing import world


def gaussians(count, seed):
    draw = torch.Generator().manual_seed(seed)
    normal = lambda *shape: torch.randn(*shape, generator=draw, dtype=torch.float64)  # noqa: E731
    return normal(count, 3), normal(count, 4), (0.5 * normal(count, 3)).exp()


def as_torch(mean, quaternion, scale):
    turn = roma.unitquat_to_rotmat(F.normalize(quaternion, dim=1).roll(-1, 1))
    return MultivariateNormal(mean, turn @ torch.diag_embed(scale.square()) @ turn.mT)


@given(st.integers(0, 999))
@settings(deadline=None, max_examples=20)
def test_the_divergence_is_torchs(seed):
    one, other = gaussians(5, seed), gaussians(5, seed + 1000)
    expected = kl_divergence(as_torch(*one), as_torch(*other))
    torch.testing.assert_close(divergence(*one, *other), expected)


def test_of_round_gaussians_it_is_the_squared_distance():
    turn = torch.tensor([[1.0, 0, 0, 0]])
    apart = torch.tensor([[0.3, 0.0, 0.4]])
    found = divergence(apart, turn, torch.ones(1, 3), 0 * apart, turn, torch.ones(1, 3))
    assert float(found) == pytest.approx(0.5 * 0.25)
    wider = divergence(apart, turn, torch.ones(1, 3), apart, turn, 2 * torch.ones(1, 3))
    assert float(wider) == pytest.approx(0.5 * (3 / 4 - 3 + 6 * math.log(2)))


def test_gradients_on_the_picture_are_those_of_the_projection():
    """A loss that only depends on where means fall on the picture."""
    camera = world.camera(96, 64, degrees=30)
    means = 0.4 * torch.randn(9, 3, generator=torch.Generator().manual_seed(0))
    # on the axis of view, where depth has no part in it
    centred = means - (means @ camera.R[0].mT)[:, :2] @ camera.R[0, :2]
    centred.requires_grad_()
    pull = torch.randn(9, 2, generator=torch.Generator().manual_seed(1))
    pixels, _ = camera.project(centred[None])
    (pixels[0] * pull).sum().backward()
    found = picture_gradients(centred.grad, centred.detach(), camera)
    expected = (pull * torch.tensor([96 / 2, 64 / 2])).norm(dim=1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


CONFIG = DensityConfig(gradient=1.0, large=0.02, huge=0.1, crowd=100, most=100)


def plan_of(gradients, largest, apart, *, config=CONFIG, opacities=None, nearest=None):
    count = len(gradients)
    return planned(
        config,
        torch.tensor(gradients),
        torch.ones(count) if opacities is None else torch.tensor(opacities),
        torch.tensor(largest),
        torch.tensor(nearest or [(n + 1) % count for n in range(count)]),
        torch.tensor(apart),
    )


def test_what_is_pulled_and_apart_is_cloned_when_small_and_split_when_large():
    plan = plan_of([2.0, 2.0, 0.5, 2.0], [0.01, 0.03, 0.01, 0.01], [0.5, 0.5, 0.5, 0.3])
    assert plan.clone.tolist() == [True, False, False, False]
    assert plan.split.tolist() == [False, True, False, False]
    assert not plan.merge.any() and not plan.drop.any()


def test_of_two_that_are_one_the_earlier_takes_in_the_other():
    plan = plan_of([2.0, 2.0, 2.0], [0.01] * 3, [0.05] * 3, nearest=[1, 0, 1])
    assert plan.merge.tolist() == [True, False, False]
    assert plan.drop.tolist() == [False, True, False]


def test_the_empty_and_the_huge_go():
    plan = plan_of([0.0] * 3, [0.01, 0.2, 0.01], [1.0] * 3, opacities=[0.001, 1.0, 1.0])
    assert plan.drop.tolist() == [True, True, False]


def test_in_a_crowd_the_gradient_must_be_larger():
    config = DensityConfig(gradient=1.0, crowd=2, most=100)
    few = plan_of([1.5] * 2, [0.01] * 2, [0.5] * 2, config=config)
    many = plan_of([1.5] * 3, [0.01] * 3, [0.5] * 3, config=config)
    assert few.clone.all() and not many.clone.any()


def test_there_are_never_more_than_asked_for_and_the_hardest_pulled_come_first():
    config = DensityConfig(gradient=1.0, crowd=100, most=5)
    plan = plan_of([2.0, 5.0, 3.0, 4.0], [0.01] * 4, [0.5] * 4, config=config)
    assert plan.clone.tolist() == [False, True, False, False]


def small_cloud(count=40):
    torch.manual_seed(0)
    config = RecordedGaussiansConfig(
        points=count,
        harmonics=1,
        record=RecordConfig(space=(6,), time=4, channels=3, width=8),
        rig=RigConfig(pose_width=0, weights_width=0),
    )
    return RecordedGaussians(config, world.setup())


def test_a_round_changes_rows_together_and_begins_to_count_anew():
    cloud = small_cloud()
    optimizer = Adam([cloud.offsets, cloud.colours, cloud.harmonics], lr=0.01)
    cloud(world.context([0, 1], training=True)).features.square().sum().backward()
    cloud.offsets.grad = torch.ones_like(cloud.offsets)
    optimizer.step()
    control = DensityControl(DensityConfig(gradient=1.0, large=0.01, huge=10.0, split_above=0.0))
    control.reset(40, torch.device("cpu"))
    pulled = torch.zeros(40)
    pulled[:10] = 3.0
    control.count(pulled, torch.ones(40))
    control.count(pulled, torch.ones(40))
    before, kept = cloud.extents.clone(), cloud.offsets.detach()[10:].clone()
    plan = control.round(cloud, torch.tensor(0.0), [optimizer])
    assert plan.split[:10].all() and not plan.split[10:].any()
    assert len(cloud.offsets) == 50
    for name in cloud.sized_by_training:
        assert len(getattr(cloud, name)) == 50
    torch.testing.assert_close(cloud.offsets.detach()[:30], kept)
    torch.testing.assert_close(cloud.extents[30:40], before[:10] / 1.6)
    memory = optimizer.state[cloud.offsets]["exp_avg"]
    assert memory.shape == (50, 3) and memory[:30].any() and not memory[30:].any()
    assert len(control.gradients) == 50 and not control.gradients.any()
    drawn = cloud(world.context([0], training=True))
    assert drawn.means.shape == (1, 50, 3) and bool(drawn.means.isfinite().all())


def test_rounds_come_when_asked_for():
    control = DensityControl(DensityConfig(start=10, stop=30, every=5))
    assert [step for step in range(40) if control.due(step)] == [14, 19, 24, 29]


def test_a_merged_one_stands_in_the_middle():
    cloud = small_cloud()
    control = DensityControl(DensityConfig(gradient=1.0, large=10.0, merge_below=1e9, huge=10.0,
                                           split_above=1e12))  # fmt: skip
    control.reset(40, torch.device("cpu"))
    control.count(torch.full((40,), 2.0), torch.ones(40))
    places = cloud.places.detach().clone()
    plan = control.round(cloud, torch.tensor(0.0), [])
    assert plan.merge.any() and len(cloud.offsets) == 40 - int(plan.merge.sum())
    stays = plan.merge[~plan.drop]
    for place in cloud.places.detach()[stays]:
        middles = (places[:, None] + places) / 2
        assert float((middles - place).norm(dim=-1).min()) < 1e-3
