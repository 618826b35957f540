"""Convolutions whose weights are modulated by a style (StyleGAN2, Karras et al., 2020)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avatar_kit_ram.equalized import LEAKY_GAIN, EqualLinear
from avatar_kit_ram.fir import TAPS, blur_after_transpose, fir_kernel


def modulated_conv2d(
    x: Tensor,
    weight: Tensor,
    scale: Tensor,
    *,
    demodulate: bool = True,
    kernel: Tensor | None = None,
) -> Tensor:
    """Convolve each sample with weights scaled by its own style.

    One style for the whole batch goes into the weights. With one per sample, scaling the inputs and
    the outputs instead gives the same result without a copy of the weights per sample.

    Args:
        x: [B, C, H, W].
        weight: [D, C, k, k], k odd.
        scale: [B, C] or [1, C] factors of the input channels.
        demodulate: Scale the weights of each output channel to unit norm.
        kernel: [n, n] low-pass filter; given, the picture is upsampled by two.

    Returns:
        [B, D, H, W], or [B, D, 2 H, 2 W].
    """
    gain = None
    if demodulate:
        energy = weight.square().sum((2, 3))
        gain = torch.rsqrt(scale.square() @ energy.mT + 1e-8)
    shared = scale.shape[0] == 1
    if shared:
        weight = weight * scale[0, None, :, None, None]
        weight = weight if gain is None else weight * gain[0, :, None, None, None]
    else:
        x = x * scale[:, :, None, None]
    y = _convolve(x, weight, kernel)
    return y if shared or gain is None else y * gain[:, :, None, None]


def _convolve(x: Tensor, weight: Tensor, kernel: Tensor | None) -> Tensor:
    if kernel is None:
        return F.conv2d(x, weight, padding=weight.shape[-1] // 2)
    y = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
    return blur_after_transpose(y, kernel, weight.shape[-1])


class ModulatedConv2d(nn.Module):
    """Modulated convolution, fixed noise, bias and leaky ReLU.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        size: Height and width of the filters.
        style: Size of the style vector.
        picture: Height and width of the output, for the noise; None: no noise and no activation.
        up: Upsample by two.
        demodulate: Normalise the weights per output channel.
        taps: Low-pass filter of the upsampling.
    """

    kernel: Tensor | None
    noise: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: int,
        style: int,
        *,
        picture: tuple[int, int] | None = None,
        up: bool = False,
        demodulate: bool = True,
        taps: tuple[float, ...] = TAPS,
    ):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.modulation = EqualLinear(style, inputs, bias=1.0)
        self.weight_scale = 1.0 / math.sqrt(inputs * size * size)
        self.demodulate = demodulate
        self.activate = picture is not None
        self.register_buffer("kernel", fir_kernel(taps) if up else None, persistent=False)
        if picture is not None:
            self.register_buffer("noise", torch.randn(1, 1, *picture))
            self.noise_strength = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """[B, inputs, H, W] and style [B or 1, S] to [B, outputs, H, W], or twice the size."""
        weight = self.weight * self.weight_scale
        y = modulated_conv2d(
            x, weight, self.modulation(style), demodulate=self.demodulate, kernel=self.kernel
        )
        if not self.activate:
            return y + self.bias[:, None, None]
        y = y + self.bias[:, None, None] + self.noise_strength * self.noise
        return F.leaky_relu(y, 0.2) * LEAKY_GAIN
