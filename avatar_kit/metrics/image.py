"""PSNR and SSIM."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from avatar_kit.metrics.average import FrameMean

#: Equal pictures have no noise; their PSNR is reported as this instead of infinity.
PSNR_CEILING = 100.0

_WINDOW = 11
_SIGMA = 1.5


def psnr(prediction: Tensor, target: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB, peak 1, at most ``PSNR_CEILING``.

    Args:
        prediction: [B, C, H, W] in [0, 1].
        target: [B, C, H, W] in [0, 1].

    Returns:
        [B]
    """
    error = (prediction.double() - target.double()).square().flatten(1).mean(1)
    return (-10 * torch.log10(error.clamp(min=1e-12))).clamp(max=PSNR_CEILING)


def ssim(prediction: Tensor, target: Tensor) -> Tensor:
    """Structural similarity (Wang et al. 2004, equation 13), mean over channels and pixels.

    Gaussian window 11x11 with sigma 1.5, K1 = 0.01, K2 = 0.03, population covariances, only
    where the window fits into the picture.

    Args:
        prediction: [B, C, H, W] in [0, 1], at least 11 pixels a side.
        target: [B, C, H, W] in [0, 1].

    Returns:
        [B]
    """
    x, y = prediction.flatten(0, 1)[:, None].double(), target.flatten(0, 1)[:, None].double()
    mean_x, mean_y = _blur(x), _blur(y)
    var_x = _blur(x * x) - mean_x**2
    var_y = _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (var_x + var_y + c2)
    return (luminance * structure).view(len(prediction), -1).mean(1)


def _blur(x: Tensor) -> Tensor:
    at = torch.arange(_WINDOW, dtype=x.dtype, device=x.device) - _WINDOW // 2
    taps = torch.softmax(-0.5 * (at / _SIGMA) ** 2, dim=0)
    return F.conv2d(F.conv2d(x, taps.view(1, 1, -1, 1)), taps.view(1, 1, 1, -1))


class PSNR(FrameMean):
    """Mean over frames of :func:`psnr`."""

    higher_is_better: ClassVar[bool] = True
    unit: ClassVar[str] = "dB"

    def score(self, prediction: Tensor, target: Tensor) -> Tensor:
        """[B] dB."""
        return psnr(prediction, target)


class SSIM(FrameMean):
    """Mean over frames of :func:`ssim`."""

    higher_is_better: ClassVar[bool] = True

    def score(self, prediction: Tensor, target: Tensor) -> Tensor:
        """[B] in [-1, 1]."""
        return ssim(prediction, target)
