"""LPIPS with its genuine weights, where they are on the machine."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from avatar_kit.config import MetricConfig
from avatar_kit.errors import MetricUnavailable
from avatar_kit.metrics.average import FrameMean
from avatar_kit.nn.perceptual import unit_features
from avatar_kit.nn.weights import hub_folder, load_genuine, package_folder

#: torchvision's AlexNet.
ALEXNET_FILE = "alexnet-owt-7be5be79.pth"
ALEXNET_SHA256 = "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02"
_ALEXNET_URL = "https://download.pytorch.org/models/"

#: LPIPS 0.1: the packages that carry its linear weights, and where in them.
LINEAR_FILES = {
    "torchmetrics": "functional/image/lpips_models/alex.pth",
    "lpips": "weights/v0.1/alex.pth",
}
LINEAR_SHA256 = "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0"

#: ``features.N`` in the file: in and out channels, kernel, stride; a halving comes before some.
_STAGES = (
    (0, 3, 64, 11, 4, False),
    (3, 64, 192, 5, 1, True),
    (6, 192, 384, 3, 1, True),
    (8, 384, 256, 3, 1, False),
    (10, 256, 256, 3, 1, False),
)

_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)


class Lpips(nn.Module):
    """LPIPS 0.1 with AlexNet (Zhang et al. 2018, equation 1), frozen.

    Args:
        alexnet: torchvision's weights; those of the classifier are not used.
        linear: The learned weight of every channel, ``lin{0..4}.model.1.weight`` [1, C, 1, 1].
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, alexnet: dict[str, Tensor], linear: dict[str, Tensor]):
        super().__init__()
        self.register_buffer("shift", torch.tensor(_SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(_SCALE).view(1, 3, 1, 1))
        self.stages = nn.ModuleList()
        for i, (number, inputs, outputs, kernel, stride, halve) in enumerate(_STAGES):
            layer = nn.Conv2d(inputs, outputs, kernel, stride, padding=2 if kernel > 3 else 1)
            layer.load_state_dict(
                {k: alexnet[f"features.{number}.{k}"] for k in ("weight", "bias")}
            )
            pool = [nn.MaxPool2d(3, stride=2)] if halve else []
            self.stages.append(nn.Sequential(*pool, layer, nn.ReLU()))
            self.register_buffer(f"linear{i}", linear[f"lin{i}.model.1.weight"])
        self.requires_grad_(False).eval()

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Distance [B] between pictures [B, 3, H, W] in [0, 1], at least 31 pixels a side."""
        x = (2 * torch.cat([a, b]) - 1 - self.shift) / self.scale
        total = x.new_zeros(len(a))
        for i, stage in enumerate(self.stages):
            x = stage(x)
            of_a, of_b = unit_features(x).chunk(2)
            total = total + ((of_a - of_b) ** 2 * getattr(self, f"linear{i}")).sum(1).mean((1, 2))
        return total


class LpipsAlex(FrameMean):
    """Genuine LPIPS 0.1 with AlexNet (Zhang et al. 2018).

    ``weights_sha256`` is the digest of AlexNet's file; that of the linear weights is fixed.

    Raises:
        MetricUnavailable: Weights are not on this machine.
        UserError: A weight file is not the genuine one.
    """

    higher_is_better: ClassVar[bool] = False
    weights_sha256 = ALEXNET_SHA256

    def __init__(self, config: MetricConfig):
        super().__init__(config)
        alexnet = hub_folder() / ALEXNET_FILE
        if not alexnet.exists():
            raise MetricUnavailable(
                f"{alexnet}: missing; lpips_alex needs it: put {_ALEXNET_URL}{ALEXNET_FILE} there"
            )
        self._network = _lpips(alexnet, _linear_path())

    @torch.inference_mode()
    def score(self, prediction: Tensor, target: Tensor) -> Tensor:
        """[B] distances, 0 for equal pictures."""
        return self._network.to(prediction.device)(prediction, target)


def _linear_path() -> Path:
    for package, name in LINEAR_FILES.items():
        folder = package_folder(package)
        if folder is not None and (folder / name).exists():
            return folder / name
    raise MetricUnavailable(
        "lpips_alex: its linear weights are missing: run  pip install --no-deps lpips==0.1.4"
    )


@cache
def _lpips(alexnet: Path, linear: Path) -> Lpips:
    return Lpips(
        load_genuine(alexnet, ALEXNET_SHA256, "remove it, or put the genuine one there"),
        load_genuine(linear, LINEAR_SHA256, "reinstall the package it belongs to"),
    )
