"""Pictures through a lens, brought to those of a pinhole camera."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def distorted(points: Tensor, coefficients: Sequence[float]) -> Tensor:
    """Where a lens puts points of the plane at depth 1 (OpenCV's rational model).

    Args:
        points: [..., 2] x / z and y / z.
        coefficients: k1 k2 p1 p2 k3 k4 k5 k6; missing ones are zero.
    """
    k1, k2, p1, p2, k3, k4, k5, k6 = [*coefficients, *[0.0] * (8 - len(coefficients))]
    x, y = points.unbind(-1)
    r2 = x * x + y * y
    radial = (1 + r2 * (k1 + r2 * (k2 + r2 * k3))) / (1 + r2 * (k4 + r2 * (k5 + r2 * k6)))
    return torch.stack(
        [
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
        ],
        dim=-1,
    )


class Undistortion:
    """Resamples pictures of one camera to those of a pinhole with the same intrinsics.

    Args:
        K: [3, 3] intrinsics in pixels, pixel centres at +0.5.
        coefficients: As for :func:`distorted`.
        width: Width of the pictures in pixels.
        height: Height of the pictures in pixels.
    """

    def __init__(self, K: Tensor, coefficients: Sequence[float], width: int, height: int):
        K = K.double()
        x = torch.arange(width, dtype=torch.float64) + 0.5
        y = torch.arange(height, dtype=torch.float64) + 0.5
        pixels = torch.stack([x.expand(height, -1), y[:, None].expand(-1, width)], -1)
        pixels = torch.cat([pixels, torch.ones_like(pixels[..., :1])], -1)
        rays = pixels @ torch.linalg.inv(K).mT
        bent = distorted(rays[..., :2], coefficients)
        source = torch.cat([bent, torch.ones_like(bent[..., :1])], -1) @ K.mT
        size = torch.tensor([width, height], dtype=torch.float64)
        self._grid = (2 * source[..., :2] / size - 1).float()[None]

    def __call__(self, picture: np.ndarray, *, outside: str = "border") -> np.ndarray:
        """Resample a picture, bilinearly.

        Args:
            picture: [H, W] or [H, W, C] uint8.
            outside: What lies beyond the picture: "border" repeats it, "zeros" is 0.
        """
        planes = torch.from_numpy(np.require(np.atleast_3d(picture), requirements=["C", "W"]))
        planes = planes.permute(2, 0, 1)[None].float()
        found = F.grid_sample(planes, self._grid, padding_mode=outside, align_corners=False)
        pixels = found[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).numpy()
        return np.ascontiguousarray(pixels.reshape(picture.shape))
