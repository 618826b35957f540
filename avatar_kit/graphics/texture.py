"""Bilinear texture lookup that costs only where something is seen."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.graphics.gather import weighted_gather


def sample_texture(texture: Tensor, uv: Tensor, mask: Tensor | None = None) -> Tensor:
    """Sample a texture bilinearly.

    Texel centres are at +0.5: (0.5 / Wt, 0.5 / Ht) is the centre of the top-left texel. Beyond
    the outermost centres the border texel is repeated. Gradients flow to the texture and to uv.

    Args:
        texture: [B or 1, C, Ht, Wt].
        uv: [B, 2, H, W] coordinates, u to the right and v down, [0, 1] over the texture.
        mask: [B, 1, H, W]; pixels where it is 0 are not sampled. None: all are sampled.

    Returns:
        [B, C, H, W]; 0 where the mask is 0.
    """
    if uv.device.type != "cpu":
        return sample_dense(texture, uv, mask)
    batch, _, height, width = uv.shape
    pixels = height * width
    if mask is None:
        covered = torch.arange(batch * pixels)
    else:
        covered = (mask.reshape(-1) != 0).nonzero()[:, 0]
    flat = uv.reshape(-1)
    in_u = covered + torch.div(covered, pixels, rounding_mode="floor") * pixels
    u, v = flat.index_select(0, in_u), flat.index_select(0, in_u + pixels)
    index, weight = bilinear_taps(u, v, *texture.shape[-2:])
    picture = weighted_gather(texture.flatten(2), index, weight, covered, batch, pixels)
    return picture.view(batch, -1, height, width)


def sample_dense(texture: Tensor, uv: Tensor, mask: Tensor | None = None) -> Tensor:
    """:func:`sample_texture` through ``grid_sample``: for CUDA, and the twin that tests use."""
    grid = uv.permute(0, 2, 3, 1).to(texture.dtype) * 2 - 1
    picture = F.grid_sample(
        texture.expand(uv.shape[0], -1, -1, -1), grid, padding_mode="border", align_corners=False
    )
    return picture if mask is None else picture * (mask != 0)


def bilinear_taps(u: Tensor, v: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """The four texels around each coordinate and their weights.

    Args:
        u: [N] coordinates to the right.
        v: [N] coordinates down.
        height: Texture height.
        width: Texture width.

    Returns:
        index [N, 4] int64 into the flattened texture, weight [N, 4].
    """
    x = (u * width - 0.5).clamp(0, width - 1)
    y = (v * height - 0.5).clamp(0, height - 1)
    left = x.detach().long().clamp(max=max(width - 2, 0))
    top = y.detach().long().clamp(max=max(height - 2, 0))
    fx, fy = x - left, y - top
    right, down = int(width > 1), width * int(height > 1)
    first = top * width + left
    index = torch.stack([first, first + right, first + down, first + down + right], dim=1)
    weight = torch.stack([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy], dim=1)
    return index, weight
