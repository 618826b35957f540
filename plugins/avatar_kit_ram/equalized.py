"""Layers with equalised learning rates (Karras et al., 2018): weights are scaled at run time.

Weights start from N(0, 1) and are multiplied by ``1 / sqrt(fan in)`` in every forward, so that Adam
moves all layers at the same relative speed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avatar_kit.nn import Kept
from avatar_kit_ram.fir import TAPS, blur_before_stride, fir_kernel

#: Gain that keeps the variance through a leaky ReLU of slope 0.2, as StyleGAN2 has it.
LEAKY_GAIN = math.sqrt(2.0)


def pixel_norm(x: Tensor) -> Tensor:
    """Scale every vector along dim 1 to unit root mean square."""
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)


class EqualLinear(nn.Module):
    """Fully connected layer, optionally followed by a leaky ReLU.

    Args:
        inputs: Size of the input.
        outputs: Size of the output.
        bias: Initial value of the bias.
        rate: Learning rate of this layer relative to the others.
        activate: Apply a leaky ReLU of slope 0.2 with gain sqrt(2).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        bias: float = 0.0,
        rate: float = 1.0,
        activate: bool = False,
    ):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias / rate))
        # The leaky ReLU is positively homogeneous: its gain can be given to the weights.
        self.bias_scale = rate * (LEAKY_GAIN if activate else 1.0)
        self.weight_scale = self.bias_scale / math.sqrt(inputs)
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs] to [B, outputs]."""
        y = F.linear(x, self.weight * self.weight_scale, self.bias * self.bias_scale)
        return F.leaky_relu(y, 0.2) if self.activate else y


class EqualConv2d(nn.Module):
    """Convolution, optionally downsampling and followed by a leaky ReLU.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        size: Height and width of the filters; the picture keeps its size.
        down: Halve the picture: low-pass with ``taps``, then a convolution of stride 2.
        activate: Apply a leaky ReLU of slope 0.2 with gain sqrt(2).
        taps: The low-pass filter.
    """

    kernel: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: int,
        *,
        down: bool = False,
        activate: bool = True,
        taps: tuple[float, ...] = TAPS,
    ):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.bias_scale = LEAKY_GAIN if activate else 1.0
        self.weight_scale = self.bias_scale / math.sqrt(inputs * size * size)
        self.size, self.down, self.activate = size, down, activate
        self.register_buffer("kernel", fir_kernel(taps), persistent=False)
        self._scaled: Kept[tuple[Tensor, Tensor]] = Kept()

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] to [B, outputs, H, W], or half of it."""
        weight, bias = self._scaled([self.weight, self.bias], self._scale)
        if self.down:
            x = blur_before_stride(x, self.kernel, self.size)
            y = F.conv2d(x, weight, bias, stride=2)
        elif self.size == 1 and x.device.type == "cpu":
            y = mix_channels(x, weight[:, :, 0, 0], bias)
        else:
            y = F.conv2d(x, weight, bias, padding=self.size // 2)
        return F.leaky_relu_(y, 0.2) if self.activate else y

    def _scale(self) -> tuple[Tensor, Tensor]:
        return self.weight * self.weight_scale, self.bias * self.bias_scale


def joined(maps: Sequence[Tensor]) -> Tensor:
    """[B, sum of C, H, W] maps [B, C, H, W] of one size, the channels of a pixel side by side.

    Joined as rows, because a map of one channel tells ``torch.cat`` nothing about the layout.
    """
    return torch.cat([m.permute(0, 2, 3, 1) for m in maps], dim=-1).permute(0, 3, 1, 2)


def mix_channels(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A 1x1 convolution of [B, C, H, W] with [D, C] as a matrix product.

    On a CPU it is quicker, above all in the way back, and rows of channels are what it takes.
    """
    return F.linear(x.permute(0, 2, 3, 1), weight, bias).permute(0, 3, 1, 2)
