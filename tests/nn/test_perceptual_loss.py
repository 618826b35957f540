import hashlib

import pytest
import torch
from torch.nn import functional as F

from avatar_kit.errors import UserError
from avatar_kit.nn import perceptual_loss
from avatar_kit.nn.perceptual_loss import VGG19_FILE, PerceptualLoss, shrink


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty torch hub folder."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


def test_zero_for_equal_and_rising_with_noise(hub):
    loss = PerceptualLoss((1.0, 1.0, 1.0))
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(1))
    values = [loss((image + s * noise).clamp(0, 1), image).item() for s in (0, 0.05, 0.3)]
    assert values[0] == 0
    assert values[0] < values[1] < values[2]
    assert loss.source == "stlpips_pytorch-vgg16"


def test_weights_are_linear(hub):
    a, b = torch.rand(2, 1, 3, 24, 24)
    first, second = PerceptualLoss((1.0,))(a, b), PerceptualLoss((0.0, 1.0))(a, b)
    torch.testing.assert_close(PerceptualLoss((2.0, 0.5))(a, b), 2 * first + 0.5 * second)


def test_gradient_descent_on_the_picture_lowers_it(hub):
    loss = PerceptualLoss((1.0, 1.0))
    target = torch.rand(1, 3, 24, 24)
    image = torch.full_like(target, 0.5).requires_grad_()
    before = loss(image, target)
    (gradient,) = torch.autograd.grad(before, image)
    assert loss(image - 1e-2 * gradient.sign(), target) < before
    assert not any(p.requires_grad for p in loss.parameters())


def test_max_size_averages_areas(hub):
    image = torch.rand(1, 3, 64, 48)
    torch.testing.assert_close(shrink(image, 32), F.avg_pool2d(image, 2))
    assert shrink(image, 64) is image
    a, b = torch.rand(2, 1, 3, 64, 64)
    small = PerceptualLoss((1.0,), max_size=32)(a, b)
    expected = PerceptualLoss((1.0,))(F.avg_pool2d(a, 2), F.avg_pool2d(b, 2))
    torch.testing.assert_close(small, expected)


def test_genuine_vgg19_is_taken_when_its_file_is_there(hub, monkeypatch):
    state = {}
    for number, inputs, outputs in ((0, 3, 64), (2, 64, 64), (5, 64, 128)):
        layer = torch.nn.Conv2d(inputs, outputs, 3)
        state |= {f"features.{number}.{k}": v.detach() for k, v in layer.named_parameters()}
    torch.save(state, hub / VGG19_FILE)
    digest = hashlib.sha256((hub / VGG19_FILE).read_bytes()).hexdigest()
    monkeypatch.setattr(perceptual_loss, "_VGG19_SHA256_START", digest[:8])
    loss = PerceptualLoss((1.0, 1.0))
    assert loss.source == "vgg19-dcbb9e9d"

    def twin(x):
        conv = lambda x, n: F.relu(  # noqa: E731
            F.conv2d(x, state[f"features.{n}.weight"], state[f"features.{n}.bias"], padding=1)
        )
        first = conv(2 * x - 1, 0)
        return first, conv(F.max_pool2d(conv(first, 2), 2), 5)

    a, b = torch.rand(2, 1, 3, 16, 16)
    expected = sum((p - q).abs().mean() for p, q in zip(twin(a), twin(b), strict=True))
    torch.testing.assert_close(loss(a, b), expected)
    assert PerceptualLoss((1.0,), source="st_vgg16").source == "stlpips_pytorch-vgg16"


def test_damaged_vgg19_is_named(hub):
    (hub / VGG19_FILE).write_bytes(b"not weights")
    with pytest.raises(UserError, match="damaged"):
        PerceptualLoss((1.0,))


def test_missing_vgg19_is_named_when_asked_for(hub):
    with pytest.raises(UserError, match=r"vgg19-dcbb9e9d\.pth: missing"):
        PerceptualLoss((1.0,), source="vgg19")
