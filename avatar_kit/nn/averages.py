"""Averages over a Gaussian window, as products with banded matrices.

The window is separable, and two dense products are many times faster on a CPU than a convolution.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

#: Rows and columns of a picture.
Window = tuple[slice, slice]


def averaged(pictures: Tensor, sigma: float, reach: int | None = None) -> Tensor:
    """Pictures [..., H, W] averaged over a Gaussian window that is cut off at the border.

    Args:
        pictures: Any number of pictures.
        sigma: Standard deviation of the window in pixels.
        reach: Extent to each side in pixels; by default three standard deviations.
    """
    everything = slice(0, pictures.shape[-2]), slice(0, pictures.shape[-1])
    return averaged_within(pictures, sigma, everything, everything, reach)


def averaged_within(
    pictures: Tensor, sigma: float, source: Window, target: Window, reach: int | None = None
) -> Tensor:
    """A window of the averages of pictures that are 0 outside another window.

    Args:
        pictures: [..., H, W].
        sigma: Standard deviation in pixels.
        source: Rows and columns outside which the pictures are 0.
        target: Rows and columns to compute.
        reach: As in :func:`averaged`.

    Returns:
        [..., h, w] the averages in ``target``.
    """
    reach = round(3 * sigma) if reach is None else reach
    rows, columns = (
        _band(size, sigma, reach, pictures.device, pictures.dtype)[to, of]
        for size, of, to in zip(pictures.shape[-2:], source, target, strict=True)
    )
    return rows @ pictures[(..., *source)] @ columns.T


def windows(pictures: Tensor, margin: int) -> tuple[Window, Window]:
    """The window where pictures [..., H, W] are not 0, and this window with a margin in pixels.

    On CUDA both are the whole picture: to find the window, the CPU would wait for the GPU.
    """
    height, width = pictures.shape[-2:]
    if pictures.is_cuda:
        return (everything := (slice(0, height), slice(0, width))), everything
    lit = (pictures.detach() != 0).flatten(0, -3).any(0)
    found = [_span(lit.any(1)), _span(lit.any(0))]
    grown = [
        slice(max(0, s.start - margin), min(size, s.stop + margin)) if s.stop else s
        for s, size in zip(found, (height, width), strict=True)
    ]
    return (found[0], found[1]), (grown[0], grown[1])


def _span(any_of: Tensor) -> slice:
    """From the first to the last that is true."""
    at = any_of.nonzero()[:, 0].tolist()
    return slice(at[0], at[-1] + 1) if at else slice(0, 0)


@lru_cache(maxsize=256)
def _band(size: int, sigma: float, reach: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """[size, size] rows that sum to one."""
    at = torch.arange(size, dtype=torch.float64, device=device)
    away = at[:, None] - at
    weight = torch.exp(-0.5 * (away / sigma).square()) * (away.abs() <= reach)
    return (weight / weight.sum(1, keepdim=True)).to(dtype)
