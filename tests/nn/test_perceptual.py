import pytest
import torch

from avatar_kit.errors import UserError
from avatar_kit.nn import perceptual
from avatar_kit.nn.perceptual import ST_CHANNELS, BlurPool, StBackbone, StLpips


def reference_pair() -> tuple[torch.Tensor, torch.Tensor]:
    y, x = torch.meshgrid(torch.arange(96.0), torch.arange(80.0), indexing="ij")
    a = [x / 79, y / 95, 0.5 + 0.5 * torch.sin(x / 5) * torch.cos(y / 7)]
    b = [x / 79, 0.3 + 0.4 * y / 95, 0.5 + 0.5 * torch.sin((x + 3) / 5) * torch.cos(y / 7)]
    return torch.stack(a)[None], torch.stack(b)[None]


# What the wheel's own module (0.0.2, its undeclared imports stubbed, normalize=True) gives for the
# pair above, and for the first picture against itself rolled by one column.
@pytest.mark.parametrize(
    ("network", "pair", "rolled"),
    [
        ("alex", 0.1020103245973587, 0.007614489644765854),
        ("vgg", 0.2665811777114868, 0.07052329927682877),
    ],
)
def test_equals_the_wheels_own_module(network, pair, rolled):
    a, b = reference_pair()
    distance = StLpips(network)
    with torch.no_grad():
        assert distance(a, b).item() == pytest.approx(pair, rel=1e-4)
        assert distance(a, a.roll(1, 3)).item() == pytest.approx(rolled, rel=1e-4)
        assert distance(a, a).item() == 0.0


@pytest.mark.parametrize("network", ["alex", "vgg"])
def test_features_have_the_declared_channels(network):
    features = StBackbone(network)(torch.rand(2, 3, 40, 32))
    assert tuple(f.shape[1] for f in features) == ST_CHANNELS[network]
    assert all(len(f) == 2 for f in features)


def test_fewer_stages_give_the_same_first_features():
    image = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(StBackbone("vgg", stages=2)(image), StBackbone("vgg")(image)[:2])


def test_frozen_but_differentiable_in_the_picture():
    a, b = reference_pair()
    a.requires_grad_()
    distance = StLpips("alex")
    distance(a, b).sum().backward()
    assert a.grad is not None and a.grad.abs().sum() > 0
    assert not any(p.requires_grad for p in distance.parameters())
    assert (
        not distance.state_dict().keys()
        - StLpips("alex").backbone.state_dict().keys()
        - {k for k in distance.state_dict() if k.startswith("backbone.")}
    )


def test_blur_pool_keeps_a_constant_and_halves():
    x = torch.full((1, 2, 8, 8), 3.0)
    torch.testing.assert_close(BlurPool(2)(x), torch.full((1, 2, 5, 5), 3.0))


def test_damaged_weights_are_named(monkeypatch):
    perceptual.st_weights.cache_clear()
    monkeypatch.setitem(perceptual.ST_WEIGHTS_SHA256, "alex", "0" * 64)
    with pytest.raises(UserError, match=r"alex_shift_tolerant\.pth: sha256 .* reinstall"):
        perceptual.st_weights("alex")


def test_missing_wheel_is_named(monkeypatch):
    perceptual.st_weights.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install 'stlpips_pytorch"):
        perceptual.st_weights("alex")
