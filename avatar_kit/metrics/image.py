"""PSNR and SSIM."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from avatar_kit.graphics.jit import in_turns, kernel
from avatar_kit.metrics.average import FrameMean

#: Equal pictures have no noise; their PSNR is reported as this instead of infinity.
PSNR_CEILING = 100.0

_WINDOW = 11
_SIGMA = 1.5
_C1, _C2 = 0.01**2, 0.03**2


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
    asked = torch.is_grad_enabled() and (prediction.requires_grad or target.requires_grad)
    if asked or prediction.device.type != "cpu":
        return ssim_dense(prediction, target)
    planes = [p.detach().flatten(0, 1).double().contiguous().numpy() for p in (prediction, target)]
    found = np.empty(len(planes[0]))
    taps = _taps(torch.float64).numpy()
    pairs = enumerate(zip(*planes, strict=True))
    in_turns(_similarity, [(x, y, taps, found, i) for i, (x, y) in pairs])
    return torch.from_numpy(found).view(len(prediction), -1).mean(1)


def ssim_dense(prediction: Tensor, target: Tensor) -> Tensor:
    """:func:`ssim` in plain torch: for CUDA, with gradients, and the twin that tests use."""
    x, y = prediction.flatten(0, 1)[:, None].double(), target.flatten(0, 1)[:, None].double()
    mean_x, mean_y = _blur(x), _blur(y)
    var_x = _blur(x * x) - mean_x**2
    var_y = _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    structure = (2 * covariance + _C2) / (var_x + var_y + _C2)
    return (luminance * structure).view(len(prediction), -1).mean(1)


def _blur(x: Tensor) -> Tensor:
    taps = _taps(x.dtype).to(x.device)
    return F.conv2d(F.conv2d(x, taps.view(1, 1, -1, 1)), taps.view(1, 1, 1, -1))


def _taps(dtype: torch.dtype) -> Tensor:
    at = torch.arange(_WINDOW, dtype=dtype) - _WINDOW // 2
    return torch.softmax(-0.5 * (at / _SIGMA) ** 2, dim=0)


@kernel
def _similarity(x, y, taps, found, plane):
    """The mean similarity of two planes [H, W]; along rows first, then along columns."""
    size, height, width = len(taps), x.shape[0], x.shape[1] - len(taps) + 1
    rows = np.zeros((5, height, width))
    for i in range(height):
        for k in range(size):
            tap = taps[k]
            for j in range(width):
                a, b = x[i, j + k], y[i, j + k]
                rows[0, i, j] += tap * a
                rows[1, i, j] += tap * b
                rows[2, i, j] += tap * a * a
                rows[3, i, j] += tap * b * b
                rows[4, i, j] += tap * a * b
    total = 0.0
    for i in range(height - size + 1):
        mean = np.zeros((5, width))
        for m in range(5):
            for k in range(size):
                for j in range(width):
                    mean[m, j] += taps[k] * rows[m, i + k, j]
        for j in range(width):
            a, b = mean[0, j], mean[1, j]
            luminance = (2 * a * b + _C1) / (a * a + b * b + _C1)
            spread = mean[2, j] - a * a + mean[3, j] - b * b
            total += luminance * (2 * (mean[4, j] - a * b) + _C2) / (spread + _C2)
    found[plane] = total / ((height - size + 1) * width)


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
