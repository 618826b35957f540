import pytest
import torch
from torch import nn

from avatar_kit.errors import MetricUnavailable, UserError
from avatar_kit.metrics import LpipsAlex, lpips
from avatar_kit.metrics.config import LpipsConfig


def alexnet_features() -> nn.Sequential:
    """``features`` of torchvision's AlexNet with weights drawn at random."""
    layers = [
        nn.Conv2d(3, 64, 11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
    ]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)
                nn.init.normal_(layer.bias, std=0.1)
    return nn.Sequential(*layers)


@pytest.fixture
def alexnet(hub, monkeypatch, digest):
    """A weight file that is taken for the genuine one, and its network."""
    features = alexnet_features()
    path = hub / lpips.ALEXNET_FILE
    torch.save({f"features.{k}": v for k, v in features.state_dict().items()}, path)
    monkeypatch.setattr(lpips, "ALEXNET_SHA256", digest(path))
    return features


def pair(height: int = 64, width: int = 83):
    draw = torch.Generator().manual_seed(1)
    a = torch.rand(3, 3, height, width, generator=draw)
    return (a + 0.2 * torch.randn(a.shape, generator=draw)).clamp(0, 1), a


def test_equals_torchmetrics(alexnet, monkeypatch):
    """A second library, given the same backbone; the linear weights are the genuine ones."""
    from torchmetrics.functional.image import lpips as second

    monkeypatch.setattr(second, "_get_tv_model_features", lambda net, pretrained: alexnet)
    twin = second._LPIPS(net="alex")
    a, b = pair()
    expected = twin(a, b, normalize=True).flatten().tolist()
    metric = LpipsAlex(LpipsConfig())
    assert metric.score(a, b).tolist() == pytest.approx(expected, rel=1e-4)
    metric.update(a, b)
    assert metric.compute() == pytest.approx(sum(expected) / 3, rel=1e-4)
    assert min(expected) > 0.01
    assert metric.score(b, b).tolist() == [0, 0, 0]


def test_conforms_where_its_weights_are(alexnet, faults):
    assert not faults("lpips_alex")


def test_smallest_picture(alexnet):
    a, b = pair(31, 31)
    assert LpipsAlex(LpipsConfig()).score(a, b).isfinite().all()


def test_missing_alexnet_is_named(hub):
    with pytest.raises(
        MetricUnavailable, match=r"alexnet-owt-7be5be79\.pth: missing; .* put https"
    ):
        LpipsAlex(LpipsConfig())


def test_missing_linear_weights_are_named(alexnet, monkeypatch):
    monkeypatch.setattr(lpips, "LINEAR_FILES", {"no_such_package": "alex.pth"})
    with pytest.raises(MetricUnavailable, match="pip install --no-deps lpips"):
        LpipsAlex(LpipsConfig())


def test_altered_alexnet_is_named(hub):
    (hub / lpips.ALEXNET_FILE).write_bytes(b"not weights")
    with pytest.raises(UserError, match=r"sha256 is .*, expected 7be5be791159\.\.\.; ") as raised:
        LpipsAlex(LpipsConfig())
    assert not isinstance(raised.value, MetricUnavailable)


def test_altered_linear_weights_are_named(alexnet, monkeypatch):
    monkeypatch.setattr(lpips, "LINEAR_SHA256", "0" * 64)
    with pytest.raises(UserError, match=r"alex\.pth: sha256 is df73285e35b2\.\.\., expected 0000"):
        LpipsAlex(LpipsConfig())
