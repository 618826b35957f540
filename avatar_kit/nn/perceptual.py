"""Perceptual features whose weights need no download, and a distance built on them.

The wheel ``stlpips_pytorch`` (BSD-2) carries AlexNet and VGG16 trained as shift-tolerant LPIPS
(Ghildyal and Liu, "Shift-tolerant perceptual similarity metric", ECCV 2022). Its module has
imports it does not declare, so only its weight files are read. What makes the networks shift
tolerant: every convolution has stride 1, and a blur of [1, 2, 1] / 4 with reflected borders halves
the picture instead; in AlexNet the first blur comes before the ReLU.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avatar_kit.errors import UserError
from avatar_kit.nn.blurred_convolution import BLUR, BlurredConvolution
from avatar_kit.nn.weights import load_genuine, package_folder

Network = Literal["alex", "vgg"]

#: SHA-256 of the weight files we were tested with.
ST_WEIGHTS_SHA256: dict[str, str] = {
    "alex": "b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee",
    "vgg": "44597da68f49c1837c100ff52299050f274d102eb102e5837178c79be6f0e250",
}

#: Channels of the five feature maps.
ST_CHANNELS = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}

_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)


@cache
def st_weights(network: Network) -> dict[str, Tensor]:
    """The wheel's weights of one network, read without importing the wheel's code.

    Raises:
        UserError: The wheel is missing, or the file is not the one we know.
    """
    root = package_folder("stlpips_pytorch")
    if root is None:
        raise UserError(
            "the perceptual weights are missing: run  pip install 'stlpips_pytorch>=0.0.2,<0.1'"
        )
    path = root / "weights" / "vST0.0" / f"{network}_shift_tolerant.pth"
    remedy = "reinstall the package stlpips_pytorch"
    if not path.exists():
        raise UserError(f"{path}: missing; {remedy}")
    return load_genuine(path, ST_WEIGHTS_SHA256[network], remedy)


class BlurPool(nn.Module):
    """Halve a feature map: [1, 2, 1] x [1, 2, 1] / 16 at stride 2, reflected by two pixels."""

    kernel: Tensor

    def __init__(self, channels: int):
        super().__init__()
        taps = torch.tensor(BLUR)
        kernel = torch.outer(taps, taps).expand(channels, 1, 3, 3).clone()
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] to about [B, C, H / 2 + 1, W / 2 + 1]."""
        x = F.pad(x, (2, 2, 2, 2), mode="reflect")
        return F.conv2d(x, self.kernel, stride=2, groups=x.shape[1])


def _conv(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, padding=2 if kernel > 3 else 1)


def _alex_stages() -> list[nn.Sequential]:
    def halve(channels: int) -> list[nn.Module]:
        return [nn.MaxPool2d(3, stride=1), BlurPool(channels)]

    return [
        nn.Sequential(BlurredConvolution(3, 64, 11, padding=2), nn.ReLU()),
        nn.Sequential(*halve(64), _conv(64, 192, 5), nn.ReLU()),
        nn.Sequential(*halve(192), _conv(192, 384, 3), nn.ReLU()),
        nn.Sequential(_conv(384, 256, 3), nn.ReLU()),
        nn.Sequential(_conv(256, 256, 3), nn.ReLU()),
    ]


def _vgg_stages() -> list[nn.Sequential]:
    stages: list[nn.Sequential] = []
    inputs = 3
    for channels, convolutions in zip(ST_CHANNELS["vgg"], (2, 2, 3, 3, 3), strict=True):
        layers: list[nn.Module] = []
        if stages:
            layers += [nn.MaxPool2d(2, stride=1), BlurPool(inputs)]
        for _ in range(convolutions):
            layers += [_conv(inputs, channels, 3), nn.ReLU()]
            inputs = channels
        stages.append(nn.Sequential(*layers))
    return stages


class StBackbone(nn.Module):
    """A frozen shift-tolerant backbone: pictures to five feature maps.

    Args:
        network: "alex" or "vgg" (VGG16: relu1_2, relu2_2, relu3_3, relu4_3, relu5_3).
        stages: How many of the five stages to compute; later ones cost the most memory.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, network: Network, stages: int = 5):
        super().__init__()
        self.network: Network = network
        self.register_buffer("shift", torch.tensor(_SHIFT).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(_SCALE).view(1, 3, 1, 1), persistent=False)
        built = _alex_stages() if network == "alex" else _vgg_stages()
        self.stages = nn.ModuleList(built[:stages])
        self._load(st_weights(network))
        self.requires_grad_(False).eval()

    def _load(self, weights: dict[str, Tensor]) -> None:
        """The file numbers layers through all stages; ours follow in the same order."""
        keys = [k for k in weights if k.startswith("net.") and k.endswith(".weight")]
        layers = [m for m in self.modules() if isinstance(m, nn.Conv2d)]
        with torch.no_grad():
            for key, layer in zip(keys, layers, strict=len(self.stages) == 5):
                own = weights[key].to(layer.weight)
                layer.weight.data = own.contiguous(memory_format=torch.channels_last)
                assert layer.bias is not None
                layer.bias.copy_(weights[key.replace(".weight", ".bias")])

    def forward(self, image: Tensor) -> list[Tensor]:
        """[B, 3, H, W] in [0, 1], at least 16 pixels a side, to one [B, C, h, w] per stage."""
        x = (2 * image - 1 - self.shift) / self.scale
        # channels last: on a CPU pooling takes a tenth of the time so, and all of it two thirds
        x = x.contiguous(memory_format=torch.channels_last)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


class StLpips(nn.Module):
    """Shift-tolerant LPIPS. Its values are not comparable to those of LPIPS.

    Args:
        backbone: All five stages of a backbone, or the name of one.

    Attributes:
        sha256: Digest of the weight file.
    """

    def __init__(self, backbone: StBackbone | Network = "alex"):
        super().__init__()
        self.backbone = backbone if isinstance(backbone, StBackbone) else StBackbone(backbone)
        weights = st_weights(self.backbone.network)
        for i in range(5):
            self.register_buffer(f"linear{i}", weights[f"lin{i}.model.1.weight"], persistent=False)
        self.sha256 = ST_WEIGHTS_SHA256[self.backbone.network]

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Distance [B] between pictures [B, 3, H, W] in [0, 1]."""
        return self.distance(self.features(a), self.features(b))

    def features(self, image: Tensor) -> list[Tensor]:
        """Unit feature vectors of every stage, for :meth:`distance`."""
        return [unit_features(f) for f in self.backbone(image)]

    def distance(self, a: list[Tensor], b: list[Tensor]) -> Tensor:
        """Distance [B] between what :meth:`features` gave for two batches of pictures."""
        total = a[0].new_zeros(len(a[0]))
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            total = total + F.conv2d((x - y) ** 2, getattr(self, f"linear{i}")).mean((1, 2, 3))
        return total


def unit_features(features: Tensor) -> Tensor:
    """Features [B, C, H, W] with every pixel's vector scaled to length 1."""
    return features / (features.square().sum(1, keepdim=True).sqrt() + 1e-10)
