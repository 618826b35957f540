"""The whole training: every part moves, every option gives the same, every part can be left out."""

from pathlib import Path

import pytest
import torch
from avatar_kit_ram.method import Ram

from avatar_kit.config.layers import Layer, merge
from avatar_kit.engine.comparison.plan import read_plan
from avatar_kit.engine.device import autocast, seed_step

#: Part of RAM-Avatar -> how its parameters' names begin.
GROUPS = {
    "neural texture": ("encoders.body.textures.",),
    "spatial attention": ("encoders.body.branches.spatial.",),
    "temporal attention": ("encoders.body.branches.temporal.",),
    "face": ("encoders.face.",),
    "hands": ("encoders.hands.",),
    "style codes": ("encoders.style.",),
    "mapping": ("renderer.mapping.",),
    "StyleUNet: encoder": (
        "renderer.network.stem.",
        "renderer.network.encoder.",
        "renderer.network.bottom.",
    ),
    "StyleUNet: fusion": ("renderer.network.fusion.",),
    "StyleUNet: decoder": ("renderer.network.decoder.",),
    "discriminator": ("discriminator.",),
}

PLAN = Path(__file__).parents[3] / "benchmarks" / "ablation_ram.yaml"

#: Variant -> what differs from the full method.
ABLATIONS = {
    name: {key: value for key, value in values.items() if key != "type"}
    for name, values in read_plan(PLAN).contenders.items()
    if name != "full"
}


@pytest.fixture
def full(small_config):
    """``full(**overrides)``: the paper's preset with everything on from the first step, narrow."""

    def make(preset="paper", **overrides):
        stages = {"attention_from": 0, "texture_until": 150_000}
        return small_config(preset, **{"stages": stages, **overrides})

    return make


def named_parameters(method):
    found = dict(method.avatar.named_parameters())
    for name, module in method.modules().items():
        found |= {f"{name}.{k}": p for k, p in module.named_parameters()}
    return found


def few(batch):
    """Two of the frames."""
    return batch.parts(3)[0]


def run(method, batch, steps, precision="float32"):
    history = []
    for step in range(steps):
        seed_step(0, step)
        with autocast(torch.device("cpu"), precision):
            history.append(method.training_step(batch, step))
    return history


def test_training_with_everything_on_moves_every_group_and_every_parameter(full, build, batch):
    rates = {"learning_rate": 1e-3, "texture_learning_rate": 1e-3, "weight_decay": 0.0}
    config = full(optimizer=rates, loss={"hand": 0.1})
    method = Ram(config, build(config))
    before = {name: p.detach().clone() for name, p in named_parameters(method).items()}
    history = run(method, few(batch), 8)  # what a zero hides moves later
    wanted = {"loss", "pixel", "perceptual", "hand", "adversarial", "discriminator"}
    assert wanted <= set(history[1])
    assert "r1" in history[0]
    change = {
        name: (p.detach() - before[name]).norm() for name, p in named_parameters(method).items()
    }
    assert [name for name, moved in change.items() if moved == 0] == []
    norms = {}
    for group, starts in GROUPS.items():
        members = [moved for name, moved in change.items() if name.startswith(starts)]
        assert members, f"no parameter belongs to {group}"
        norms[group] = torch.stack(members).norm().item()
    for group, norm in norms.items():
        print(f"{group:20s} {norm:.4f}")
        assert norm > 1e-3, group
    grouped = tuple(start for starts in GROUPS.values() for start in starts)
    assert [name for name in change if not name.startswith(grouped)] == []


@pytest.mark.parametrize("name", ABLATIONS)
def test_every_ablation_is_a_matter_of_config(name, full, build, batch):
    layers = [Layer("hand loss", {"loss": {"hand": 0.1}}), Layer(name, ABLATIONS[name])]
    config = full(**merge(layers)[0])
    method = Ram(config, build(config))
    losses = run(method, few(batch), 2)[-1]
    assert all(value.isfinite() for value in losses.values())
    without_game = name in ("first form", "without discriminator")
    assert method.neighbours is not without_game
    assert ("discriminator" in losses) is not without_game
    assert set(method.optimizers()) == ({"avatar"} if without_game else {"avatar", "discriminator"})
    assert ("hand" in losses) is (name not in ("first form", "without hands"))


def test_demo_pays_for_no_discriminator_and_can_have_one(small_config, build, batch):
    plain = Ram(small_config("demo"), build(small_config("demo")))
    assert plain.adversary is None
    assert plain.neighbours is False
    assert plain.modules() == {}
    config = small_config("demo", loss={"adversarial": 0.02, "hand": 0.1})
    losses = run(Ram(config, build(config)), few(batch), 1)[0]
    assert {"adversarial", "discriminator", "hand"} <= set(losses)


def test_stages_follow_the_supplement(full, build, batch):
    config = full(steps=15, stages={"attention_from": 10_000, "texture_until": 130_000})
    method = Ram(config, build(config))
    body = method.avatar.encoders["body"]
    texture = body.textures[0]
    attends, moves = [], []
    for step in range(15):
        before = texture.detach().clone()
        method.training_step(few(batch), step)
        attends.append(body.attend)
        moves.append(not torch.equal(texture, before))
    assert attends == [False] + 14 * [True]
    # nothing is painted at first, so the texture has no gradient in the very first step
    assert moves[1:] == 12 * [True] + 2 * [False]
    assert not texture.requires_grad


def test_attention_is_silent_until_its_stage(full, build, batch):
    config = full(steps=1500, stages={"attention_from": 10_000})
    method = Ram(config, build(config))
    starts = (*GROUPS["spatial attention"], *GROUPS["temporal attention"])

    def attention():
        named = method.avatar.named_parameters()
        return {n: p.detach().clone() for n, p in named if n.startswith(starts)}

    before = attention()
    run(method, few(batch), 2)
    assert all(torch.equal(value, before[n]) for n, value in attention().items())
    method.training_step(few(batch), 100)
    assert any(not torch.equal(value, before[n]) for n, value in attention().items())


def close(one, other, tolerance):
    a, b = one.state_dict(), other.state_dict()
    for name, value in a.items():
        torch.testing.assert_close(b[name], value, atol=tolerance, rtol=tolerance, msg=name)


@pytest.mark.parametrize("parts", [2, 3])
def test_accumulated_batches_are_one_large_batch(parts, full, build, batch):
    """Gradients agree to float32; the discriminator's spread over a batch is left out."""
    options = {"loss": {"adversarial": 0.0}}
    small = full(batch_size=6 // parts, accumulate=parts, **options)
    large = full(batch_size=6, **options)
    assert small.samples_per_step == large.samples_per_step == 6
    methods = [Ram(config, build(config)) for config in (large, small)]
    histories = [run(method, batch, 1) for method in methods]
    torch.testing.assert_close(histories[1][0], histories[0][0], atol=1e-5, rtol=1e-4)
    for (name, a), (_, b) in zip(*(m.avatar.named_parameters() for m in methods), strict=True):
        scale = a.grad.abs().max()
        assert (a.grad - b.grad).abs().max() <= 2e-4 * scale + 1e-9, name


def test_the_memory_layout_changes_nothing(full, build, batch):
    pictures = []
    for channels_last in (True, False):
        config = full(renderer={"channels_last": channels_last})
        avatar = build(config)
        weight = avatar.renderer.network.stem.weight
        assert weight.is_contiguous(memory_format=torch.channels_last) is channels_last
        run(Ram(config, avatar), batch, 1)
        with torch.no_grad():
            pictures.append(avatar(batch.context).rgb)
    torch.testing.assert_close(*pictures, atol=2e-3, rtol=0)


def test_bfloat16_paints_the_same_picture_within_a_hundredth(full, build, batch):
    config = full()
    avatar = build(config)
    run(Ram(config, avatar), batch, 1)
    with torch.no_grad():
        exact = avatar(batch.context).rgb
        with autocast(torch.device("cpu"), "bfloat16"):
            rounded = avatar(batch.context).rgb.float()
    assert (exact - rounded).abs().mean() < 1e-2
    assert not torch.equal(exact, rounded)


def test_bfloat16_learns_as_float32_does(full, build, batch):
    rates = {"learning_rate": 5e-3, "texture_learning_rate": 2e-2}
    alone = {"adversarial": 0.0, "hand": 0.0, "perceptual": 0.0}
    ends = {}
    for precision in ("float32", "bfloat16"):
        config = full(precision=precision, optimizer=rates, loss=alone)
        history = run(Ram(config, build(config)), few(batch), 12, precision)
        ends[precision] = float(history[-1]["pixel"])
        assert ends[precision] < 0.9 * float(history[0]["pixel"])
    assert ends["bfloat16"] == pytest.approx(ends["float32"], rel=0.1)


@pytest.mark.slow
def test_a_compiled_network_trains_the_same(full, build, batch):
    losses = []
    for compiled in (False, True):
        config = full(compile=compiled)
        method = Ram(config, build(config))
        if compiled and method.facts()["compiled"] != "on":
            pytest.skip(method.facts()["compiled"])
        losses.append(run(method, batch, 2)[-1])
    torch.testing.assert_close(*losses, atol=1e-4, rtol=1e-3)


def test_a_composite_avatar_gives_alpha_and_stands_before_any_background(full, build, setup, batch):
    rates = {"learning_rate": 1e-2, "texture_learning_rate": 2e-2, "weight_decay": 0.0}
    config = full(
        steps=60,
        renderer={"background": "composite"},
        optimizer=rates,
        loss={"adversarial": 0.0, "hand": 0.0, "perceptual": 0.0},
    )
    avatar = build(config)
    frames = few(batch)
    run(Ram(config, avatar), frames, 60)
    avatar.eval()
    with torch.no_grad():
        output = avatar(frames.context)
    person = frames.mask > 0.5
    assert output.alpha[person].mean() > 0.8
    assert output.alpha[~person].mean() < 0.1
    scene = avatar.renderer.scene(frames.context.camera)
    expected = output.alpha * output.person + (1 - output.alpha) * scene
    torch.testing.assert_close(output.rgb, expected)


def test_the_network_that_compares_is_on_record(full, build):
    config = full()
    method = Ram(config, build(config))
    assert method.facts() == {"perceptual loss": method.perceptual.source}
    silent = full(loss={"perceptual": 0.0, "hand": 0.0})
    assert Ram(silent, build(silent)).facts() == {}


def test_a_batch_is_cut_into_parts_and_nothing_is_lost(batch):
    parts = batch.parts(4)
    assert [len(part) for part in parts] == [2, 2, 2]
    for field in ("image", "mask", "previous_image", "next_image"):
        joined = torch.cat([getattr(part, field) for part in parts])
        assert torch.equal(joined, getattr(batch, field))
    joined = torch.cat([part.context.body.vertices for part in parts])
    assert torch.equal(joined, batch.context.body.vertices)
    previous = torch.cat([part.context.previous.joints for part in parts])
    assert torch.equal(previous, batch.context.previous.joints)
    assert torch.cat([part.context.index for part in parts]).tolist() == list(range(6))
    assert len(parts[1].context.camera) == 2
    assert batch.parts(1) == [batch]
