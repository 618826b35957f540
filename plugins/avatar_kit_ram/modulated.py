"""Convolutions whose weights are modulated by a style (StyleGAN2, Karras et al., 2020)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avatar_kit.nn import Kept
from avatar_kit_ram.equalized import LEAKY_GAIN, EqualLinear
from avatar_kit_ram.fir import TAPS, blur_after_transpose, fir_kernel


def modulated_conv2d(
    x: Tensor,
    weight: Tensor,
    scale: Tensor,
    *,
    demodulate: bool = True,
    kernel: Tensor | None = None,
    gain: float = 1.0,
    bias: Tensor | None = None,
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
        gain: Factor of the result.
        bias: [D], added at last.

    Returns:
        [B, D, H, W], or [B, D, 2 H, 2 W].
    """
    if scale.shape[0] == 1:
        return convolve(x, modulated(weight, scale, demodulate, gain), bias, kernel)
    y = convolve(x * scale[:, :, None, None], weight, None, kernel)
    if demodulate:
        y = y * (gain * _to_unit_norm(weight, scale))[:, :, None, None]
    elif gain != 1.0:
        y = y * gain
    return y if bias is None else y + bias[:, None, None]


def modulated(weight: Tensor, scale: Tensor, demodulate: bool, gain: float) -> Tensor:
    """[D, C, k, k] weights that hold one style, the factors [1, C] of their input channels."""
    own = weight * scale[0, :, None, None]
    if demodulate:
        return own * (gain * _to_unit_norm(weight, scale))[0, :, None, None, None]
    return own if gain == 1.0 else own * gain


def _to_unit_norm(weight: Tensor, scale: Tensor) -> Tensor:
    """[B, D] what scales the weights of each output channel to unit norm, for styles [B, C]."""
    return torch.rsqrt(scale.square() @ weight.square().sum((2, 3)).mT + 1e-8)


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, kernel: Tensor | None) -> Tensor:
    """Convolve [B, C, H, W] with [D, C, k, k]; with a low-pass filter, upsample by two."""
    if kernel is None:
        return F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)
    y = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
    return blur_after_transpose(y, kernel, weight.shape[-1], bias=bias)


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
        mixed: [E, outputs] mixes the output channels at last; only without normalised weights.
    """

    kernel: Tensor | None
    mixed: Tensor | None
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
        mixed: Tensor | None = None,
    ):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.modulation = EqualLinear(style, inputs, bias=1.0)
        self.weight_scale = 1.0 / math.sqrt(inputs * size * size)
        self.demodulate = demodulate
        self.activate = picture is not None
        self.register_buffer("kernel", fir_kernel(taps) if up else None, persistent=False)
        self.register_buffer("mixed", mixed, persistent=False)
        self._known: Kept[tuple[Tensor, Tensor]] = Kept()
        if picture is not None:
            self.register_buffer("noise", torch.randn(1, 1, *picture))
            self.noise_strength = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """[B, inputs, H, W] and style [B or 1, S] to [B, outputs, H, W], or twice the size."""
        # The leaky ReLU is positively homogeneous: its gain can be given to what is before it.
        gain = LEAKY_GAIN if self.activate else 1.0
        if len(style) == 1:
            needed = [self.weight, self.bias, self.modulation.weight, self.modulation.bias, style]
            weight, bias = self._known(needed, lambda: self._styled(style, gain))
            y = convolve(x, weight, bias, self.kernel)
        else:
            weight, bias = self._scaled()
            y = modulated_conv2d(
                x,
                weight,
                self.modulation(style),
                demodulate=self.demodulate,
                kernel=self.kernel,
                gain=gain,
                bias=gain * bias,
            )
        if not self.activate:
            return y
        y = y.add_(gain * self.noise_strength * self.noise)
        return F.leaky_relu_(y, 0.2)

    def _styled(self, style: Tensor, gain: float) -> tuple[Tensor, Tensor]:
        weight, bias = self._scaled()
        return modulated(weight, self.modulation(style), self.demodulate, gain), gain * bias

    def _scaled(self) -> tuple[Tensor, Tensor]:
        weight = self.weight * self.weight_scale
        if self.mixed is None:
            return weight, self.bias
        return torch.einsum("ed,dcij->ecij", self.mixed, weight), self.mixed @ self.bias
