"""The plate, the picture of the empty scene, and masks refined against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d

from avatar_kit.tracking.frame_light import FrameLight

#: Frames that a plate is found from.
PLATE_FRAMES = 25
#: Width of the band around the person in which colour decides, as a part of the long edge.
EDGE_BAND_SHARE = 0.012
#: Stands for a colour that the person hides: no grey level is so large.
_HIDDEN_PIXEL = 999


def sample(clip: tuple[int, int]) -> np.ndarray:
    """Numbers of the frames that a clip's plate is found from."""
    return np.unique(np.linspace(clip[0], clip[1] - 1, PLATE_FRAMES).astype(int))


@dataclass(frozen=True)
class Plate:
    """The empty scene of a clip.

    Attributes:
        image: [H, W, 3] uint8.
        known: [H, W] bool, where it was ever seen; elsewhere it is filled from around.
        wander: How much the scene changes: the median difference of the pictures from it, in grey
            levels.
    """

    image: np.ndarray
    known: np.ndarray
    wander: float


def find_plate(
    images: Sequence[np.ndarray],
    masks: Sequence[np.ndarray],
    lights: Sequence[FrameLight] | None = None,
) -> Plate:
    """The plate of one clip of a static camera.

    Args:
        images: N of [H, W, 3] uint8.
        masks: N of [h, w] uint8, coarse.
        lights: Of each picture, which is taken out of it; None: all are alike.
    """
    height, width = images[0].shape[:2]
    hidden = [np.packbits(_hidden(mask, height, width), axis=1) for mask in masks]
    plate = np.full((height, width, 3), np.nan, dtype=np.float32)
    spread = []
    for row in range(0, height, 64):  # strips bound the memory
        rows = slice(row, row + 64)
        strips = [image[rows] for image in images]
        if lights is not None:
            strips = [light.taken_out(i, rows) for light, i in zip(lights, images, strict=True)]
        values = np.stack(strips).astype(np.int16)
        behind = np.stack([np.unpackbits(each[rows], axis=1, count=width) for each in hidden])
        values[behind.view(bool)] = _HIDDEN_PIXEL
        values.sort(axis=0)
        free = len(images) - behind.sum(0)
        middle = (free // 2)[None, ..., None].clip(max=len(images) - 1)
        strip = np.take_along_axis(values, middle.repeat(3, -1), axis=0)[0].astype(np.float32)
        plate[rows] = np.where(strip == _HIDDEN_PIXEL, np.nan, strip)
        off = np.abs(values[:, ::4, ::4] - strip[None, ::4, ::4]).max(-1)
        spread.append(off[(values[:, ::4, ::4] != _HIDDEN_PIXEL).all(-1)])
    del hidden
    moved = np.concatenate(spread)
    known = np.isfinite(plate).all(-1)
    return Plate(_filled(plate, known), known, float(np.median(moved)) if len(moved) else np.inf)


def _hidden(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """[H, W] bool, what the person may hide in a picture of that size."""
    person = torch.from_numpy(mask).float()[None, None] / 255
    person = grown(person, 2 * band_pixels(person))
    return (interpolate(person, (height, width), mode="bilinear")[0, 0] > 0.1).numpy()


def band_pixels(masks: torch.Tensor) -> int:
    """Width of the band in which colour decides, in pixels of coarse masks [..., h, w]."""
    return max(1, round(EDGE_BAND_SHARE * max(masks.shape[-2:])))


def grown(masks: torch.Tensor, radius: int) -> torch.Tensor:
    """Masks [B, C, h, w] grown by some pixels."""
    size = 2 * radius + 1
    rows = max_pool2d(masks, (size, 1), 1, (radius, 0))
    return max_pool2d(rows, (1, size), 1, (0, radius))


def _filled(plate: np.ndarray, known: np.ndarray) -> np.ndarray:
    """[H, W, 3] uint8: what is not known, from coarser and coarser averages of what is around.

    It works in ``plate``, for pictures of 4K are large.
    """
    unknown = ~known
    if unknown.any():
        plate[unknown] = 0
        values = torch.from_numpy(plate).permute(2, 0, 1)[None]
        plate[unknown] = _from_around(values, torch.from_numpy(known).float()[None, None])[unknown]
    np.clip(plate, 0, 255, out=plate)
    plate += np.float32(0.5)
    return plate.astype(np.uint8)


def _from_around(values: torch.Tensor, known: torch.Tensor) -> np.ndarray:
    """[H, W, 3] averages of known values [1, 3, H, W], which are zero where ``known`` is."""
    half = partial(avg_pool2d, kernel_size=2, stride=2, ceil_mode=True)
    levels = [(half(values), half(known))]
    while min(levels[-1][1].shape[-2:]) > 1 and levels[-1][1].min() == 0:
        finer, weight = levels[-1]
        levels.append((half(finer), half(weight)))
    filled = levels[-1][0] / levels[-1][1].clamp(min=1e-6)
    for finer, weight in reversed(levels[:-1]):
        up = interpolate(filled, finer.shape[-2:], mode="bilinear")
        filled = torch.where(weight > 0, finer / weight.clamp(min=1e-6), up)
    return interpolate(filled, known.shape[-2:], mode="bilinear")[0].permute(1, 2, 0).numpy()
