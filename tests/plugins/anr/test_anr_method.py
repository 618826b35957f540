"""Training: whose turn it is, what the losses reward, that it learns and comes back the same."""

import pytest
import torch
from avatar_kit_anr.discriminator import discrimination_loss, patch_discriminator, realism_loss
from avatar_kit_anr.losses import anr_terms, masked_l1, total_variation
from avatar_kit_anr.unet import UNet

from avatar_kit.engine.device import seed_step
from avatar_kit.errors import UserError
from avatar_kit.scene import RenderOutput


def trained(method, batch, steps):
    for step in range(steps):
        seed_step(0, step)
        pool = method.pool(step)
        frames = pool.positions if pool else range(10)
        at = torch.randint(len(frames), (method.config.batch_size,)).tolist()
        losses = method.training_step(batch([frames[i] for i in at]), step)
    return losses


def psnr(method, batch):
    method.avatar.eval()
    frames = batch(range(10))
    with torch.no_grad():
        rgb = method.avatar(frames.context).rgb.clamp(0, 1)
    method.avatar.train()
    return float(-10 * (rgb - frames.image).square().mean().log10())


@pytest.mark.slow  # by default: test_training_improves_the_picture of the checks
@pytest.mark.parametrize("method", ["anr", "dnr"])
def test_training_learns_the_square(build, small_config, batch, samples, method):
    made = build(small_config(method, steps=200))
    made.prepare(samples(range(10)))
    before = psnr(made, batch)
    trained(made, batch, 200)
    frames = batch(range(10))
    mean = frames.image.mean(0, keepdim=True)
    baseline = float(-10 * (mean - frames.image).square().mean().log10())
    assert psnr(made, batch) > max(before + 4, baseline + 2)


def test_key_frames_teach_the_texture_and_the_others_the_networks(
    build, small_config, batch, samples
):
    method = build(small_config(split={"share": 0.3}, loss={"adversarial": 1.0}))
    method.prepare(samples(range(10)))
    assert len(method.key[0]) == 3
    assert sorted(method.key[0] + method.rest[0]) == list(range(10))
    for step, moving in ((0, "textures"), (1, "networks")):
        pool = method.pool(step)
        assert list(pool.positions) == (method.rest if step else method.key)[0] and pool.drawn == 0
        before = {
            name: [p.clone() for g in o.param_groups for p in g["params"]]
            for name, o in method.optimizers().items()
        }
        method.training_step(batch(pool.positions[:2]), step)
        for name, optimizer in method.optimizers().items():
            now = [p for g in optimizer.param_groups for p in g["params"]]
            change = max(
                float((a - b).abs().max().detach()) for a, b in zip(now, before[name], strict=True)
            )
            assert (change > 0) == (name in (moving, "discriminator")), (name, step)
    assert method.pool(5).drawn == 2


def test_the_discriminator_has_a_rate_of_its_own(build, small_config, batch):
    """At the networks' rate of the demo its scores leave all bounds in one update."""
    ends = []
    for rate in (None, 5e-3):
        own = {} if rate is None else {"learning_rate": rate}
        config = small_config(split=None, loss={"adversarial": 1.0}, discriminator=own)
        method = build(config)
        losses = [method.training_step(batch([0, 1]), step) for step in range(3)]
        ends.append(float(losses[-1]["discriminator"]))
        given = method.critic.param_groups[0]["lr"] / config.discriminator.learning_rate
        networks = method.networks.param_groups[0]["lr"] / config.optimizer.learning_rate
        assert given == pytest.approx(networks)
    assert ends[0] < 3 < ends[1]


def test_without_the_split_everything_learns_at_every_step(build, small_config, batch, samples):
    method = build(small_config(split=None))
    method.prepare(samples(range(10)))
    assert method.key == {} and method.pool(0) is None
    before = {n: p.clone() for n, p in method.avatar.named_parameters()}
    method.training_step(batch([0, 1]), 0)
    assert all(not torch.equal(p, before[n]) for n, p in method.avatar.named_parameters())


def test_every_parameter_is_in_one_optimiser(build, small_config):
    for name in ("anr", "dnr"):
        method = build(small_config(name))
        found = [
            p for o in method.optimizers().values() for g in o.param_groups for p in g["params"]
        ]
        assert len({id(p) for p in found}) == len(found)
        assert {id(p) for p in found} == {id(p) for p in method.avatar.parameters()}


def test_an_empty_mask_is_not_rewarded():
    """With a wrong picture, the masked L1 gives the mask no gradient at all."""
    mask = torch.full((1, 1, 4, 4), 0.5, requires_grad=True)
    picture = torch.zeros(1, 3, 4, 4, requires_grad=True)
    masked_l1(picture, torch.ones(1, 3, 4, 4), mask).backward()
    assert mask.grad is None
    assert torch.allclose(picture.grad, torch.full((1, 3, 4, 4), -0.5 / 48))


def test_terms_by_hand(batch):
    frames = batch([0])
    alpha = torch.full((1, 1, 64, 64), 0.25)
    logit = torch.full_like(alpha, -1.0986123)  # sigmoid: 0.25
    grey = torch.full((1, 3, 64, 64), 0.5)
    coarse = torch.cat([grey, torch.ones_like(alpha)], 1)
    output = RenderOutput(grey, alpha, logit, grey, auxiliary={"coarse": coarse})
    terms = anr_terms(output, frames)
    error = float((grey - frames.image).abs().mean())
    assert float(terms["pixel"]) == pytest.approx(2 * 0.25 * error, rel=1e-5)
    assert float(terms["composite"]) == pytest.approx(error, rel=1e-5)
    share = float(frames.mask.mean())
    entropy = -share * torch.tensor(0.25).log() - (1 - share) * torch.tensor(0.75).log()
    assert float(terms["mask"]) == pytest.approx(float(entropy), rel=1e-5)
    assert float(terms["tv_image"]) == float(terms["tv_mask"]) == 0


def test_total_variation_of_a_ramp():
    ramp = torch.arange(5.0).expand(1, 1, 3, 5)
    assert float(total_variation(ramp)) == pytest.approx(1.0)


def test_least_squares_losses_have_the_right_labels():
    one, zero = [torch.ones(1, 1, 2, 2)], [torch.zeros(1, 1, 2, 2)]
    assert realism_loss(one) == 0 and realism_loss(zero) == 1
    assert discrimination_loss(real=one, fake=zero) == 0
    assert discrimination_loss(real=zero, fake=one) == 1


def test_a_patch_sees_seventy_pixels():
    picture = torch.zeros(1, 3, 96, 96, requires_grad=True)
    network = patch_discriminator(4, 3)
    for layer in network:  # instance norm would make every pixel matter
        if isinstance(layer, torch.nn.InstanceNorm2d):
            layer.forward = lambda x: x
    scores = network(picture)
    middle = scores.shape[-1] // 2
    scores[0, 0, middle, middle].backward()
    seen = picture.grad.abs().sum((0, 1)).nonzero()
    assert (seen.amax(0) - seen.amin(0) + 1).tolist() == [70, 70]


@pytest.mark.parametrize("norm", ["instance", "none"])
@pytest.mark.parametrize("size", [(32, 32), (30, 45), (8, 8)])
def test_the_network_takes_any_size(norm, size):
    x = torch.randn(2, 5, *size)
    assert UNet(5, 4, (6, 8, 10), norm)(x).shape == (2, 4, *size)


def test_one_stage_sees_normals_at_once(build, small_config, batch):
    method = build(small_config(renderer={"stages": 1}))
    output = method.avatar(batch([0]).context)
    assert not output.auxiliary and output.alpha is not None
    assert torch.isfinite(trained(method, batch, 2)["loss"])


def test_the_person_lies_over_the_true_scene(build, small_config, batch, plate):
    method = build(small_config())
    output = method.avatar(batch([0, 1]).context)
    a = output.alpha
    wanted = a * output.person + (1 - a) * plate.picture
    assert torch.allclose(output.rgb, wanted, atol=1e-6)


def test_dnr_starts_from_the_textured_mesh(build, small_config, batch, plate):
    method = build(small_config("dnr"))
    torch.nn.init.zeros_(method.avatar.renderer.network.leave.weight)
    torch.nn.init.zeros_(method.avatar.renderer.network.leave.bias)
    scene = batch([0])
    rgb = method.avatar(scene.context).rgb
    outside = (scene.context.fragments.mask == 0).expand_as(rgb)
    assert torch.equal(rgb[outside], plate.picture[None][outside])
    features = method.avatar.encoders["texture"](scene.context).values[:, :3]
    assert torch.allclose(rgb[~outside], (0.5 + 0.5 * features)[~outside])


def test_where_a_shadow_lies_dnr_starts_from_the_scene(build, small_config, batch, plate):
    """The map of a shadow is not zero beside the body, where there is no texture to draw."""
    encoders = {"shadow": {"type": "cast_shadow"}}
    method = build(small_config("dnr", encoders=encoders))
    torch.nn.init.zeros_(method.avatar.renderer.network.leave.weight)
    torch.nn.init.zeros_(method.avatar.renderer.network.leave.bias)
    shadow = method.avatar.encoders["shadow"]
    shadow.slope.copy_(torch.tensor([0.6, -1.0]))
    shadow.floor.fill_(-0.8)
    scene = batch([0])
    beside = (scene.context.fragments.mask == 0) & (shadow(scene.context).values > 0.9)
    assert beside.sum() > 20
    output = method.avatar(scene.context)
    beside = beside.expand_as(output.rgb)
    assert torch.equal(output.rgb[beside], plate.picture[None][beside])
    assert output.auxiliary["textured"][:, 3:][beside[:, :1]].max() == 0
    losses = [trained(method, batch, 1)["loss"] for _ in range(8)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("method", ["anr", "dnr"])
def test_the_light_is_one_more_condition(build, small_config, batch, method):
    made = build(small_config(method, encoders={"light": {"type": "lit_surface"}}))
    light = made.avatar.encoders["light"]
    light.slope.copy_(torch.tensor([0.0, -1.0]))
    before = made.avatar(batch([0]).context).rgb
    light.found.fill_(True)
    assert (made.avatar(batch([0]).context).rgb - before).abs().max() > 1e-4, "the network sees it"
    assert torch.isfinite(trained(made, batch, 2)["loss"])


def test_weight_decay_is_for_fine_levels(build, small_config):
    method = build(small_config("dnr"))
    decays = [g["weight_decay"] for g in method.optimizers()["textures"].param_groups]
    assert decays == [1e-2, 1e-3, 1e-4, 0.0]


@pytest.mark.parametrize("feature", [0.0, 0.5])
def test_dnr_with_and_without_the_feature_loss(build, small_config, batch, feature):
    made = build(small_config("dnr", loss={"feature": feature}, features={"crop": 32}))
    losses = trained(made, batch, 2)
    assert ("feature" in losses) == (feature > 0)
    assert torch.isfinite(losses["loss"])


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"renderer": {"late": ["depth"]}}, "renderer.late: no encoder is named 'depth'"),
        ({"renderer": {"late": ["texture", "normals"]}}, "at least one encoder must remain"),
    ],
)
def test_stages_that_cannot_be(build, small_config, overrides, says):
    with pytest.raises(UserError, match=says):
        build(small_config(**overrides))


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (
            {"renderer": {"type": "deferred_unet"}},
            "method 'anr' needs alpha and alpha_logit and person from its renderer, but",
        ),
        ({"encoders": {"texture": None}}, "needs an encoder with a texture, such as uv_texture"),
    ],
)
def test_parts_that_do_not_fit(small_config, overrides, says):
    with pytest.raises(UserError, match=says):
        small_config(**overrides)
