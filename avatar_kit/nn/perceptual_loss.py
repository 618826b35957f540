"""A perceptual training loss: mean absolute difference of VGG features."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avatar_kit.errors import UserError
from avatar_kit.nn.perceptual import StBackbone, unit_features
from avatar_kit.nn.weights import hub_folder

#: The file torchvision keeps its VGG19 in, and what its SHA-256 starts with.
VGG19_FILE = "vgg19-dcbb9e9d.pth"
_VGG19_SHA256_START = "dcbb9e9d"

#: Convolutions of VGG19 up to relu1_1, relu2_1, ... relu5_1: ``features.N``, in and out channels;
#: None is a max pooling.
_VGG19_STAGES: tuple[tuple[tuple[int, int, int] | None, ...], ...] = (
    ((0, 3, 64),),
    ((2, 64, 64), None, (5, 64, 128)),
    ((7, 128, 128), None, (10, 128, 256)),
    ((12, 256, 256), (14, 256, 256), (16, 256, 256), None, (19, 256, 512)),
    ((21, 512, 512), (23, 512, 512), (25, 512, 512), None, (28, 512, 512)),
)


class PerceptualLoss(nn.Module):
    """Weighted sum over stages of the mean absolute difference of frozen VGG features.

    With the genuine VGG19 this is RAM-Avatar's term: relu1_1 to relu5_1, raw features of pictures
    in [-1, 1]. If its weights are not installed, the shift-tolerant VGG16 that comes with our
    dependencies is used instead (relu1_2 to relu5_3). That network was trained to compare unit
    feature vectors, so its features are normalised: the difference is summed over channels and
    divided by the square root of their number, which brings every stage to the same range.

    Args:
        weights: Weight of each stage; as many stages are computed as weights are given (1 to 5).
        max_size: Pictures with a longer side are area-averaged down to it first, for speed.
        source: Which network to use; "auto": VGG19 if its file is in torch's hub folder.

    Attributes:
        source: The network in use, for records: values of the two are not comparable.
    """

    source: str

    def __init__(
        self,
        weights: Sequence[float] = (1.0, 1.0, 1.0, 1.0, 1.0),
        *,
        max_size: int | None = None,
        source: Literal["auto", "vgg19", "st_vgg16"] = "auto",
    ):
        super().__init__()
        self.weights = tuple(weights)
        self.max_size = max_size
        found = vgg19_path()
        if source == "vgg19" and found is None:
            raise UserError(
                f"{hub_folder() / VGG19_FILE}: missing; put torchvision's {VGG19_FILE} there, or "
                "use the source 'st_vgg16'"
            )
        self.network: nn.Module
        if found is not None and source != "st_vgg16":
            self.network = Vgg19(found, stages=len(self.weights))
            self.source = VGG19_FILE.removesuffix(".pth")
        else:
            self.network = StBackbone("vgg", stages=len(self.weights))
            self.source = "stlpips_pytorch-vgg16"

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The loss, a scalar.

        Args:
            prediction: [B, 3, H, W] in [0, 1]; gradients flow into it.
            target: [B, 3, H, W] in [0, 1].
        """
        with torch.no_grad():
            wanted = self._features(target)
        given = self._features(prediction)
        terms = [w * _difference(a, b) for w, a, b in zip(self.weights, given, wanted, strict=True)]
        return torch.stack(terms).sum()

    def _features(self, image: Tensor) -> list[Tensor]:
        features = self.network(shrink(image, self.max_size))
        if isinstance(self.network, Vgg19):
            return features
        return [unit_features(f) * f.shape[1] ** 0.5 for f in features]


def _difference(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).abs().mean()


def shrink(image: Tensor, max_size: int | None) -> Tensor:
    """[B, C, H, W] with the longer side at most ``max_size``, by area averaging."""
    height, width = image.shape[-2:]
    if max_size is None or max(height, width) <= max_size:
        return image
    scale = max_size / max(height, width)
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    return F.adaptive_avg_pool2d(image, size)


class Vgg19(nn.Module):
    """Genuine VGG19 up to relu{1..5}_1, frozen; pictures in [0, 1] are fed as [-1, 1].

    Args:
        path: torchvision's weight file.
        stages: How many of the five outputs to compute.
    """

    def __init__(self, path: Path, stages: int = 5):
        super().__init__()
        state = torch.load(path, map_location="cpu", weights_only=True)
        self.stages = nn.ModuleList(
            nn.Sequential(*(layer for item in stage for layer in _vgg19_layers(item, state)))
            for stage in _VGG19_STAGES[:stages]
        )
        self.requires_grad_(False).eval()

    def forward(self, image: Tensor) -> list[Tensor]:
        """[B, 3, H, W] in [0, 1] to one [B, C, h, w] per stage."""
        x = 2 * image - 1
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


def _vgg19_layers(item: tuple[int, int, int] | None, state: dict[str, Tensor]) -> list[nn.Module]:
    if item is None:
        return [nn.MaxPool2d(2)]
    number, inputs, outputs = item
    layer = nn.Conv2d(inputs, outputs, 3, padding=1)
    layer.load_state_dict({k: state[f"features.{number}.{k}"] for k in ("weight", "bias")})
    return [layer, nn.ReLU()]


def vgg19_path() -> Path | None:
    """Torchvision's VGG19 file in torch's hub folder, or None.

    Raises:
        UserError: The file is there but damaged.
    """
    path = hub_folder() / VGG19_FILE
    if not path.exists():
        return None
    if not hashlib.sha256(path.read_bytes()).hexdigest().startswith(_VGG19_SHA256_START):
        raise UserError(f"{path}: damaged (its sha256 does not match its name); remove it")
    return path
