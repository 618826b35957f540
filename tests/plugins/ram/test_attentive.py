"""The attentive texture: the neural texture to begin with, then more."""

from dataclasses import replace

import pytest
import torch
from avatar_kit_ram.attentive import AttentiveTexture, enlarge, shrink
from avatar_kit_ram.config import AttentiveTextureConfig, NeuralTextureConfig
from avatar_kit_ram.encoders import NeuralTexture

from avatar_kit.errors import UserError
from avatar_kit.scene import Camera
from tests.contexts import context_of

SMALL = {"channels": 5, "size": 16, "query_channels": 4}
BOTH = {"spatial", "temporal"}


def awake(config, setup):
    """An encoder whose attention has an effect."""
    torch.manual_seed(0)
    encoder = AttentiveTexture(config, setup)
    for branch in encoder.branches.values():
        torch.nn.init.normal_(branch.convolution.weight)
        branch.alpha.data.fill_(0.7)
    return encoder


@pytest.fixture(scope="module")
def moving(bodies, camera):
    """Frame 2 after frame 1; ``moving(still)``: after itself."""

    def make(*, still=False):
        now, before = bodies[[2]], bodies[[2 if still else 1]]
        return context_of(now, before, camera=camera)

    return make


@pytest.mark.parametrize("normals", [False, True])
@pytest.mark.parametrize("off", [set(), {"spatial"}, {"temporal"}, BOTH])
def test_to_begin_with_it_is_the_neural_texture(off, normals, setup, moving):
    shared = {"channels": 5, "size": 16, "levels": 2, "expansion": 0.05, "normals": normals}
    encoder = AttentiveTexture(
        AttentiveTextureConfig(**shared, **{name: False for name in off}), setup
    )
    plain = NeuralTexture(NeuralTextureConfig(**shared), setup)
    plain.load_state_dict(encoder.state_dict(), strict=False)
    assert set(encoder.branches) == BOTH - off
    assert torch.equal(encoder(moving()).values, plain(moving()).values)
    kind, channels = encoder.config.yields()
    assert (kind, channels) == plain.config.yields()
    assert encoder(moving()).values.shape == (1, channels, 64, 64)


def test_without_branches_it_has_the_parameters_of_the_neural_texture(setup):
    config = AttentiveTextureConfig(**SMALL, spatial=False, temporal=False)
    plain = NeuralTexture(NeuralTextureConfig(channels=5, size=16), setup)
    assert AttentiveTexture(config, setup).state_dict().keys() == plain.state_dict().keys()


def test_attend_switches_the_attention_off(setup, moving, monkeypatch):
    encoder = awake(AttentiveTextureConfig(**SMALL), setup)
    plain = NeuralTexture.forward(encoder, moving()).values
    assert (encoder(moving()).values - plain).abs().max() > 0.01
    encoder.attend = False
    monkeypatch.setattr(encoder, "query", lambda *_: pytest.fail("computed for nothing"))
    assert torch.equal(encoder(moving()).values, plain)


def test_normals_are_left_alone(setup, moving):
    encoder = awake(AttentiveTextureConfig(**SMALL, normals=True), setup)
    plain = NeuralTexture.forward(encoder, moving()).values
    found = encoder(moving()).values
    assert torch.equal(found[:, 5:], plain[:, 5:])
    assert (found[:, :5] - plain[:, :5]).abs().max() > 0.01


def test_only_the_temporal_branch_sees_the_body_before(setup, moving):
    for name, sees in (("temporal", True), ("spatial", False)):
        (other,) = BOTH - {name}
        encoder = awake(AttentiveTextureConfig(**SMALL, **{other: False}), setup)
        moved, still = (encoder(moving(still=s)).values for s in (False, True))
        assert torch.equal(moved, still) != sees


def test_the_query_at_a_clips_start_is_made_of_the_features_themselves(setup, moving):
    config = AttentiveTextureConfig(**SMALL, expansion=0.05, query_samples=8)
    encoder, frame = AttentiveTexture(config, setup), moving(still=True)
    features = NeuralTexture.forward(encoder, frame).values
    torch.testing.assert_close(encoder.query("temporal", frame), shrink(features, 8))


def test_few_samples_of_the_query_stay_close_to_all_of_them(setup, moving):
    frame, shared = moving(), {"channels": 2, "size": 64}
    full = AttentiveTexture(AttentiveTextureConfig(**shared, query_samples=8), setup)
    y, x = torch.meshgrid(torch.linspace(0, 3, 64).sin(), torch.linspace(0, 1, 64), indexing="ij")
    full.textures[0].data = torch.stack([x, y])[None]
    few = AttentiveTexture(AttentiveTextureConfig(**shared), setup)
    few.load_state_dict(full.state_dict())
    for name in BOTH:
        a, b = few.query(name, frame), full.query(name, frame)
        assert a.shape == b.shape == (1, 2, 8, 8)
        assert (a - b).abs().mean() < 0.05 * b.abs().max()


def test_the_spatial_query_comes_from_the_expanded_body(setup, moving):
    frame = moving()
    for distance in (0.0, 0.1):
        config = AttentiveTextureConfig(
            **SMALL, query_expansion=distance, stride=1, query_samples=1
        )
        query = AttentiveTexture(config, setup).query("spatial", frame)
        body = frame.body
        grown = replace(body, vertices=body.vertices + distance * body.normals)
        covered = replace(frame, body=grown).fragments.mask
        assert torch.equal(query.abs().sum(1, keepdim=True) > 0, covered > 0)


def test_every_parameter_moves_within_a_few_steps(setup, moving):
    torch.manual_seed(0)
    encoder = AttentiveTexture(AttentiveTextureConfig(**SMALL), setup)
    start = {name: p.detach().clone() for name, p in encoder.named_parameters()}
    optimizer = torch.optim.Adam(encoder.parameters(), lr=1e-2)
    wanted = torch.rand(1, 5, 64, 64)
    for _ in range(8):
        optimizer.zero_grad()
        (encoder(moving()).values - wanted).square().mean().backward()
        optimizer.step()
    moved = {name: (p - start[name]).norm().item() for name, p in encoder.named_parameters()}
    assert {"branches.spatial.alpha", "branches.temporal.alpha", "textures.0"} <= moved.keys()
    assert min(moved.values()) > 1e-3, moved


def test_the_texture_is_also_taught_through_the_queries(setup, moving):
    """Texels seen at t-1 alone get a gradient from the temporal branch alone."""
    touched = {}
    for on in (False, True):
        encoder = awake(AttentiveTextureConfig(**SMALL, spatial=False, temporal=on), setup)
        encoder(moving()).values.square().sum().backward()
        touched[on] = encoder.textures[0].grad.abs().sum(1) > 0
    assert (touched[True] & ~touched[False]).any()
    assert not (touched[False] & ~touched[True]).any()


@pytest.mark.parametrize(("stride", "size"), [(4, 16), (8, 8), (16, 4)])
def test_the_stride_sets_the_size_of_the_attention(stride, size, setup, moving):
    encoder = awake(AttentiveTextureConfig(**SMALL, stride=stride), setup)
    seen = []
    encoder.branches["spatial"].register_forward_hook(lambda *call: seen.append(call[2].shape))
    assert encoder(moving()).values.shape == (1, 5, 64, 64)
    assert seen == [(1, 5, size, size)]


def test_pictures_that_are_not_square_or_no_multiple_of_the_stride(setup, bodies):
    camera = Camera.look_at((0, 0, 4.0), (0, 0, 0), width=52, height=36, fov_y=35)
    frame = context_of(bodies[[0, 1]], bodies[[0, 0]], camera=camera)
    values = awake(AttentiveTextureConfig(**SMALL), setup)(frame).values
    assert values.shape == (2, 5, 36, 52)
    assert values.isfinite().all()


def test_enlarging_puts_cells_back_where_they_were():
    x = torch.linspace(0, 1, 48).expand(1, 1, 40, 48)
    back = enlarge(shrink(x, 8), 8, (40, 48))
    torch.testing.assert_close(back[..., 4:-4], x[..., 4:-4])
    odd = torch.ones(1, 1, 13, 21)
    assert torch.equal(enlarge(shrink(odd, 8), 8, (13, 21)), odd)


def test_half_precision_stays_close(setup, moving):
    encoder = awake(AttentiveTextureConfig(**SMALL), setup)
    exact = encoder(moving()).values
    with torch.autocast("cpu", torch.bfloat16):
        rounded = encoder(moving()).values
    assert (rounded - exact).abs().max() < 0.03 * exact.abs().max()


def test_saved_and_read_back_it_gives_the_same(setup, moving):
    config = AttentiveTextureConfig(**SMALL)
    encoder, other = awake(config, setup), AttentiveTexture(config, setup)
    other.load_state_dict(encoder.state_dict())
    assert torch.equal(other(moving()).values, encoder(moving()).values)


def test_it_is_an_encoder_by_config_alone(small_config, build, batch):
    body = {"type": "attentive_texture", "channels": 4, "size": 32}
    config = small_config("demo", encoders={"body": body})
    avatar = build(config)
    assert isinstance(avatar.encoders["body"], AttentiveTexture)
    assert avatar(batch.context).rgb.shape == batch.image.shape


@pytest.mark.parametrize(
    ("key", "value"), [("stride", 0), ("distance_mode", "divide"), ("query_expansion", -0.01)]
)
def test_bad_values_are_named(key, value, small_config):
    body = {"type": "attentive_texture", key: value}
    with pytest.raises(UserError, match=rf"encoders\.body\.{key}"):
        small_config("demo", encoders={"body": body})


def test_with_the_fused_kernel_an_avatar_is_the_same_and_opens_on_a_cpu(setup, moving):
    plain = awake(AttentiveTextureConfig(**SMALL), setup)
    fused = AttentiveTexture(AttentiveTextureConfig(**SMALL, kernel="triton"), setup)
    fused.load_state_dict(plain.state_dict())
    assert {branch.kernel for branch in fused.branches.values()} == {"triton"}
    assert torch.equal(fused(moving()).values, plain(moving()).values)


def test_training_refuses_a_kernel_that_cannot_run(setup):
    encoder = AttentiveTexture(AttentiveTextureConfig(**SMALL, kernel="triton"), setup)
    message = "kernel=triton cannot run here: it needs a CUDA device, not cpu; or use kernel=torch"
    with pytest.raises(UserError, match=message):
        encoder.begin(())
    AttentiveTexture(AttentiveTextureConfig(**SMALL), setup).begin(())
