"""The rectangle around a person that becomes a picture of some size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from avatar_kit.capture.masks import Box

#: Share of the pixels that a picture narrower than high must save.
LEAST_SAVED = 0.25


@dataclass(frozen=True)
class Crop:
    """A rectangle in pixels of the full picture, which may reach beyond it.

    Attributes:
        left: Left edge.
        top: Top edge.
        width: Width.
        height: Height.
    """

    left: int
    top: int
    width: int
    height: int


def needed_width(
    boxes: Mapping[str, Box],
    sizes: Mapping[str, tuple[int, int]],
    height: int,
    margin: float,
    multiple_of: int = 1,
) -> int:
    """How wide pictures of a height are that show what every camera saw of the person.

    Square, where narrower ones would save less than a quarter of the pixels: a network makes use
    of the room around a person, and so little time does not pay for it.

    Args:
        boxes: Name -> box of the person.
        sizes: Name -> width and height of the camera's pictures.
        height: Height of the pictures in pixels.
        margin: Room on every side as a fraction of the box's longer side.
        multiple_of: What the width is a multiple of.

    Returns:
        Pixels, at most the height.
    """
    widest = 0.0
    for name, box in boxes.items():
        wide, tall = _with_margin(box, margin)
        if sizes[name][1] == height:  # the rows stay as they are
            wide, tall = min(wide, sizes[name][0]), height
        widest = max(widest, wide / tall)
    width = min(height, math.ceil(widest * height / multiple_of) * multiple_of)
    roomy = all(columns >= rows for columns, rows in sizes.values())
    return height if roomy and width > (1 - LEAST_SAVED) * height else width


def crop_around(box: Box, size: tuple[int, int], target: tuple[int, int], margin: float) -> Crop:
    """The rectangle around a person that becomes a picture of some size.

    Args:
        box: The person's.
        size: Width and height of the full picture in pixels.
        target: Width and height of the new picture in pixels.
        margin: Room on every side as a fraction of the box's longer side.
    """
    left, top, right, bottom = box
    wide, tall = _with_margin(box, margin)
    width, height = target
    if size[1] == height and min(wide, size[0]) <= width <= size[0]:
        at = min(max(0, math.floor((left + right - width) / 2)), size[0] - width)
        return Crop(at, 0, width, height)
    rows = math.ceil(max(tall, wide * height / width))
    columns = max(1, round(rows * width / height))
    x, y = math.floor((left + right - columns) / 2), math.floor((top + bottom - rows) / 2)
    return Crop(x, y, columns, rows)


def crop_resize(image: np.ndarray, crop: Crop, width: int, height: int) -> np.ndarray:
    """Cut a rectangle and resize it; every new pixel weighs the area it covers.

    Args:
        image: [H, W] or [H, W, C] uint8.
        crop: What is cut out; where it lies outside the picture, the border is repeated.
        width: Width of the result in pixels.
        height: Height of the result in pixels.

    Returns:
        [height, width] or [height, width, C] uint8.
    """
    height_before, width_before = image.shape[:2]
    within = crop.top >= 0 and crop.top + crop.height <= height_before
    if within and crop.left >= 0 and crop.left + crop.width <= width_before:
        cut = image[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
    else:
        rows = np.arange(crop.top, crop.top + crop.height).clip(0, height_before - 1)
        columns = np.arange(crop.left, crop.left + crop.width).clip(0, width_before - 1)
        cut = image.take(columns, axis=1).take(rows, axis=0)
    if (crop.width, crop.height) == (width, height):
        return cut
    shrinks = crop.height > height
    filter_ = Image.Resampling.HAMMING if shrinks else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(np.ascontiguousarray(cut)).resize((width, height), filter_))


def _with_margin(box: Box, margin: float) -> tuple[float, float]:
    """Width and height of a box with room on every side."""
    left, top, right, bottom = box
    room = 2 * margin * max(right - left, bottom - top)
    return right - left + room, bottom - top + room


def scale_of(crop: Crop, size: tuple[int, int]) -> tuple[float, float]:
    """New pixels along x and y for one of the crop, where it becomes a picture of a size."""
    return size[0] / crop.width, size[1] / crop.height
