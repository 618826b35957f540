import pytest
import torch
from avatar_kit_ram.config import OptimizerConfig
from avatar_kit_ram.method import Ram, crop_around, schedule

from avatar_kit.engine.device import seed_step


def train(build, config, batch, steps):
    method = Ram(config, build(config))
    history = []
    for step in range(steps):
        seed_step(config.seed, step)
        method.avatar.observe(batch, step)
        history.append(method.training_step(batch, step))
    return method, history


@pytest.mark.parametrize(("preset", "share"), [("demo", 0.5), ("paper", 0.75)])
def test_training_lowers_the_loss(preset, share, build, small_config, batch):
    rate = {"learning_rate": 5e-3, "texture_learning_rate": 2e-2}
    # whole pictures: crops of different places do not compare
    config = small_config(preset, optimizer=rate, loss={"perceptual_crop": None})
    _, history = train(build, config, batch, 25)
    assert float(history[-1]["pixel"]) < share * float(history[0]["pixel"])
    assert float(history[-1]["loss"]) < share * float(history[0]["loss"])
    assert all(not value.requires_grad for value in history[0].values())


@pytest.mark.parametrize("preset", ["demo", pytest.param("paper", marks=pytest.mark.slow)])
def test_the_perceptual_loss_alone_brings_the_features_closer(preset, build, small_config, batch):
    """Beside the paper's weight of the pixels it may rise at first: a blur has other features."""
    alone = {"pixel": 0.0, "perceptual": 1.0, "adversarial": 0.0, "perceptual_crop": None}
    rate = {"learning_rate": 5e-3, "texture_learning_rate": 2e-2}
    config = small_config(preset, optimizer=rate, loss=alone)
    _, history = train(build, config, batch, 25)
    assert float(history[-1]["perceptual"]) < 0.95 * float(history[0]["perceptual"])


@pytest.mark.parametrize("preset", ["demo", "paper"])
def test_every_parameter_gets_a_gradient_and_moves(preset, build, small_config, batch):
    config = small_config(preset, stages={"attention_from": 0})
    avatar = build(config)
    if "shadow" in avatar.encoders:  # a light that throws it into the picture
        avatar.encoders["shadow"].slope.copy_(torch.tensor([0.8, -0.6]))
        avatar.encoders["shadow"].floor.fill_(-0.7)
    before = {name: p.detach().clone() for name, p in avatar.named_parameters()}
    method = Ram(config, avatar)
    for step in range(6):  # what a zero hides from in the first steps moves in the next
        avatar.observe(batch, step)
        method.training_step(batch, step)
    still = [name for name, p in avatar.named_parameters() if torch.equal(p, before[name])]
    assert still == []


def test_every_parameter_is_optimised_once(build, small_config):
    avatar = build(small_config("paper"))
    method = Ram(small_config("paper"), avatar)
    groups = method.optimizers()["avatar"].param_groups
    owned = [p for group in groups for p in group["params"]]
    assert len(owned) == len({id(p) for p in owned}) == len(list(avatar.parameters()))


def test_only_weights_of_layers_decay(build, small_config):
    avatar = build(small_config("paper"))
    names = {id(p): name for name, p in avatar.named_parameters()}
    groups = Ram(small_config("paper"), avatar).optimizer.param_groups
    decaying = {names[id(p)] for g in groups if g["weight_decay"] > 0 for p in g["params"]}
    kept = set(names.values()) - decaying
    assert decaying
    assert all(name.endswith(".weight") for name in decaying)
    assert {"encoders.body.textures.0", "encoders.style.codes"} <= kept
    assert any(name.endswith("noise_strength") for name in kept)
    assert any(name.endswith("bias") for name in kept)


def test_the_plate_learns_from_what_the_person_leaves_free(build, small_config, batch):
    from dataclasses import replace

    rates = {"texture_learning_rate": 1.0}
    config = small_config("demo", optimizer=rates, renderer={"shadow": None})
    masked = torch.zeros_like(batch.mask)
    masked[..., :30] = 1.0
    masked[..., 30] = 0.4  # a soft edge
    method, _ = train(build, config, replace(batch, mask=masked), 12)
    plate = method.avatar.renderer.plate
    assert (plate.correction[0][..., :33] == 0).all()
    assert (plate.correction[0][..., 33:] != 0).float().mean() > 0.9
    shown = (plate.picture + 0.05 * plate.correction.picture()).detach()
    assert (shown[..., 48:] > 0.6).all()  # the wall rises from 0.5 to 1 on the right
    assert shown[..., :32].mean() > 0.55  # the coarse levels carry it on behind the person


def test_small_errors_count_by_their_square(build, small_config, batch):
    from dataclasses import replace

    from avatar_kit.scene import RenderOutput

    alone = {"perceptual": 0.0, "hand": 0.0, "adversarial": 0.0, "smooth": 0.1, "pixel": 2.0}
    config = small_config("paper", loss=alone)
    method = Ram(config, build(config))
    for error, wanted in ((0.02, 0.02**2 / 0.2), (0.5, 0.5 - 0.05)):
        shifted = replace(batch, image=torch.zeros_like(batch.image))
        losses = method.losses(RenderOutput(torch.full_like(batch.image, error)), shifted, 0)
        assert float(losses["pixel"]) == pytest.approx(wanted, rel=1e-4)
        assert float(losses["loss"]) == pytest.approx(2 * wanted, rel=1e-4)


def test_the_same_seed_trains_the_same_avatar(build, small_config, batch):
    config = small_config("demo")
    first, _ = train(build, config, batch, 3)
    second, _ = train(build, config, batch, 3)
    state = second.avatar.state_dict()
    assert all(torch.equal(v, state[k]) for k, v in first.avatar.state_dict().items())


def test_the_rate_rises_then_falls_to_zero():
    config = OptimizerConfig(warm_up=9)
    rates = [schedule(step, 1000, config) for step in range(1001)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[500] == pytest.approx(0.5)
    assert rates[1000] == pytest.approx(0.0, abs=1e-12)
    assert max(rates) == rates[9]


def test_the_cosine_may_end_above_zero():
    config = OptimizerConfig(end=0.05)
    rates = [schedule(step, 1000, config) for step in (0, 500, 1000)]
    assert rates == pytest.approx([1.0, 0.525, 0.05])


def test_gradients_are_cut_to_a_norm(build, small_config, batch):
    norms = []
    for clip in (None, 1e-3):
        method, _ = train(build, small_config(optimizer={"clip": clip}), batch, 1)
        learned = [p for group in method.optimizer.param_groups for p in group["params"]]
        squares = [p.grad.square().sum() for p in learned if p.grad is not None]
        norms.append(float(torch.stack(squares).sum().sqrt()))
    assert norms[0] > 2e-3
    assert norms[1] == pytest.approx(1e-3, rel=1e-2)


def test_textures_have_their_own_rate(build, small_config, batch):
    rates = {"learning_rate": 1e-3, "texture_learning_rate": 4e-3}
    method, _ = train(build, small_config("paper", optimizer=rates), batch, 1)
    assert [group["lr"] for group in method.optimizer.param_groups] == [4e-3, 1e-3, 1e-3]


def test_crops_hold_the_error_and_are_shared():
    error = torch.zeros(2, 1, 40, 50)
    error[0, 0, 3, 4] = error[1, 0, 38, 48] = 1
    place = torch.arange(2000.0).view(1, 40, 50).expand(2, 1, 40, 50)
    crops = crop_around(torch.stack([place, error]), error, 16)
    assert crops.shape == (2, 2, 1, 16, 16)
    assert crops[1].amax((1, 2, 3)).tolist() == [1, 1]
    for b in range(2):
        where = crops[0, b][crops[1, b] == 1]
        torch.testing.assert_close(where, place[b][error[b] == 1])


def test_no_error_at_all_crops_anywhere():
    assert crop_around(torch.rand(1, 3, 40, 50), torch.zeros(1, 1, 40, 50), 16).shape[-1] == 16


def test_a_crop_larger_than_the_picture_is_the_picture():
    pictures, mask = torch.randn(2, 1, 3, 20, 24), torch.ones(1, 1, 20, 24)
    assert torch.equal(crop_around(pictures, mask, 99), pictures)


def test_out_of_the_picture_trains_without_a_hitch(build, small_config, batch, context):
    from dataclasses import replace

    config = small_config("demo")
    nobody = replace(batch, context=context(range(6), training=True, far=50.0))
    nobody = replace(nobody, mask=torch.zeros_like(batch.mask))
    method, history = train(build, config, nobody, 2)
    assert all(value.isfinite() for step in history for value in step.values())
    assert all(p.isfinite().all() for p in method.avatar.parameters())
