"""The Inception network that FID is defined on (Heusel et al. 2017), from its genuine weights.

It is the TensorFlow graph of 2015-12-05, not torchvision's Inception v3: average pools leave the
padding out, the last block pools by maximum, pictures are 8-bit and resized as TensorFlow 1 did.
The widths follow from the weight file, so this file holds the wiring alone.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: Side of the pictures the network takes.
SIDE = 299

#: Convolutions that halve the map. They and those of ``_VALID`` have no padding; the others keep
#: the map's size.
_HALVING = {
    "Conv2d_1a_3x3",
    "Mixed_6a.branch3x3",
    "Mixed_6a.branch3x3dbl_3",
    "Mixed_7a.branch3x3_2",
    "Mixed_7a.branch7x7x3_4",
}
_VALID = {"Conv2d_2a_3x3", "Conv2d_4a_3x3"}

#: The branches of the blocks that keep the map's size; a tuple inside a branch is a fork.
_A = (("1x1",), ("5x5_1", "5x5_2"), ("3x3dbl_1", "3x3dbl_2", "3x3dbl_3"))
_C = (
    ("1x1",),
    ("7x7_1", "7x7_2", "7x7_3"),
    ("7x7dbl_1", "7x7dbl_2", "7x7dbl_3", "7x7dbl_4", "7x7dbl_5"),
)
_E = (
    ("1x1",),
    ("3x3_1", ("3x3_2a", "3x3_2b")),
    ("3x3dbl_1", "3x3dbl_2", ("3x3dbl_3a", "3x3dbl_3b")),
)
#: The branches of the blocks that halve it.
_B = (("3x3",), ("3x3dbl_1", "3x3dbl_2", "3x3dbl_3"))
_D = (("3x3_1", "3x3_2"), ("7x7x3_1", "7x7x3_2", "7x7x3_3", "7x7x3_4"))

_BLOCKS = {
    **{f"Mixed_5{i}": _A for i in "bcd"},
    "Mixed_6a": _B,
    **{f"Mixed_6{i}": _C for i in "bcde"},
    "Mixed_7a": _D,
    **{f"Mixed_7{i}": _E for i in "bc"},
}


class Inception(nn.Module):
    """Pictures to the pooled features of the last block, frozen.

    Args:
        weights: Names and tensors of the weight file; each convolution's batch normalisation is
            folded into it.
    """

    def __init__(self, weights: dict[str, Tensor]):
        super().__init__()
        names = [k.removesuffix(".conv.weight") for k in weights if k.endswith(".conv.weight")]
        self.layers = nn.ModuleDict({_key(name): _folded(name, weights) for name in names})
        self.requires_grad_(False).eval()

    def forward(self, image: Tensor) -> Tensor:
        """[B, 3, H, W] in [0, 1] to [B, 2048]; the values are rounded to 8 bits first."""
        x = (resize_tensorflow((255 * image.clamp(0, 1)).round(), SIDE) - 128) / 128
        for name in ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3"):
            x = self._layer(x, name)
        x = F.max_pool2d(x, 3, stride=2)
        for name in ("Conv2d_3b_1x1", "Conv2d_4a_3x3"):
            x = self._layer(x, name)
        x = F.max_pool2d(x, 3, stride=2)
        for name in _BLOCKS:
            x = self._block(x, name)
        return x.mean((2, 3))

    def _block(self, x: Tensor, name: str) -> Tensor:
        found = [self._branch(x, name, branch) for branch in _BLOCKS[name]]
        if _BLOCKS[name] in (_B, _D):
            return torch.cat([*found, F.max_pool2d(x, 3, stride=2)], dim=1)
        if name == "Mixed_7c":
            pooled = F.max_pool2d(x, 3, stride=1, padding=1)
        else:
            pooled = F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
        return torch.cat([*found, self._layer(pooled, f"{name}.branch_pool")], dim=1)

    def _branch(self, x: Tensor, block: str, branch: tuple[str | tuple[str, str], ...]) -> Tensor:
        for step in branch:
            if isinstance(step, str):
                x = self._layer(x, f"{block}.branch{step}")
            else:
                x = torch.cat([self._layer(x, f"{block}.branch{end}") for end in step], dim=1)
        return x

    def _layer(self, x: Tensor, name: str) -> Tensor:
        return F.relu(self.layers[_key(name)](x))


def _key(name: str) -> str:
    """Names of torch's modules hold no dots."""
    return name.replace(".", "/")


def _folded(name: str, weights: dict[str, Tensor]) -> nn.Conv2d:
    kernel = weights[f"{name}.conv.weight"].double()
    mean, variance, gain, shift = (
        weights[f"{name}.bn.{part}"].double()
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    scale = gain / (variance + 1e-3).sqrt()
    outputs, inputs, height, width = kernel.shape
    same = name not in _HALVING | _VALID
    layer = nn.Conv2d(
        inputs,
        outputs,
        (height, width),
        stride=2 if name in _HALVING else 1,
        padding=(height // 2, width // 2) if same else 0,
    )
    layer.weight = nn.Parameter((kernel * scale.view(-1, 1, 1, 1)).float())
    layer.bias = nn.Parameter((shift - mean * scale).float())
    return layer


def resize_tensorflow(image: Tensor, side: int) -> Tensor:
    """Bilinear resize as TensorFlow 1 did it: no half-pixel offset, no antialiasing.

    Args:
        image: [B, C, H, W].
        side: Sides of the result in pixels.

    Returns:
        [B, C, side, side]
    """
    for dim in (2, 3):
        size = image.shape[dim]
        at = torch.arange(side, dtype=image.dtype, device=image.device) * (size / side)
        low = at.long()
        share = (at - low).view([-1, 1] if dim == 2 else [-1])
        first = image.index_select(dim, low)
        second = image.index_select(dim, (low + 1).clamp(max=size - 1))
        image = first + (second - first) * share
    return image
