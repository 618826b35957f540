"""Random crop and rescale of a batch: pictures, masks and cameras alike."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.interfaces import Batch
from avatar_kit.scene import Camera
from avatar_kit_anr.config import CropConfig


def cropped(batch: Batch, config: CropConfig) -> Batch:
    """Every frame of a batch through a random window, resized to ``config.size``.

    The cameras follow, so that what is rendered for the new batch lies over its pictures. Smaller
    pictures keep their size.
    """
    if config.size is None:
        return batch
    images, masks, cameras = [], [], []
    size = min(config.size, *batch.image.shape[-2:])
    for b in range(len(batch.image)):
        left, top, side = random_window(batch.mask[b, 0], size, config)
        window = (..., slice(top, top + side), slice(left, left + side))
        images.append(resized(batch.image[b : b + 1][window], size))
        masks.append(resized(batch.mask[b : b + 1][window], size))
        cameras.append(batch.context.camera[b].crop_resize(left, top, size / side, size, size))
    seen = batch.context.camera.expand(len(batch))
    camera = Camera(torch.cat([c.K for c in cameras]), seen.R, seen.t, size, size)
    context = replace(batch.context, camera=camera)
    return Batch(context, torch.cat(images), torch.cat(masks))


def random_window(mask: Tensor, size: int, config: CropConfig) -> tuple[int, int, int]:
    """Left, top and side in whole pixels of a square inside the picture.

    Args:
        mask: [H, W] the person.
        size: Side of the crop after rescaling, in pixels.
        config: Scale, and how often the window is placed around the person.
    """
    height, width = mask.shape
    low, high = config.scale
    scale = low + (high - low) * float(torch.rand(()))
    side = min(round(size / scale), height, width)
    if float(torch.rand(())) < config.person:
        left, top = person_window(mask, side)
    else:
        left = int(torch.randint(width - side + 1, ()))
        top = int(torch.randint(height - side + 1, ()))
    return left, top, side


def person_window(mask: Tensor, side: int) -> tuple[int, int]:
    """Left and top of a square around a random pixel of the person, or of the picture if empty."""
    height, width = mask.shape
    inside = (mask.flatten() > 0.5).nonzero()[:, 0]
    count = len(inside) or height * width
    chosen = int(torch.randint(count, ()))
    pixel = int(inside[chosen]) if len(inside) else chosen
    left = min(max(pixel % width - side // 2, 0), width - side)
    top = min(max(pixel // width - side // 2, 0), height - side)
    return left, top


def resized(picture: Tensor, size: int) -> Tensor:
    """[B, C, side, side] to [B, C, size, size]; a smaller picture averages what it drops."""
    if picture.shape[-1] == size:
        return picture
    return F.interpolate(
        picture, size=(size, size), mode="bilinear", align_corners=False, antialias=True
    )
