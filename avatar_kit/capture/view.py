"""What the engine trains and evaluates on: a square crop around the person, resized."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from PIL import Image

from avatar_kit.capture.folder import Capture
from avatar_kit.capture.plate import estimate_plate
from avatar_kit.errors import UserError
from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.cache import cache_dir, cache_limit, mark_used
from avatar_kit.io.image import read_image

#: Alpha above this counts as the person when the box is measured.
_VISIBLE = 25

#: Raised when the content of a store changes for the same capture and crop.
_STORE_VERSION = 1

#: Training frames at most that a missing plate is estimated from.
_PLATE_FRAMES = 64


class CaptureView:
    """A capture seen through one fixed square crop, at one size.

    The crop covers the boxes of the person over all splits, with a margin, in whole pixels; where
    it reaches past the picture, the border is repeated. A capture that already is ``size`` x
    ``size`` is taken whole. Frames are decoded and resized once into a memory-mapped file in the
    cache, so memory stays bounded and epochs cost no decoding.

    Attributes:
        camera: The camera of the crop (a batch of one).
        crop: Left, top and side in pixels of the capture.
        size: Side of the pictures in pixels.
    """

    def __init__(self, capture: Capture, size: int, *, margin: float = 0.08):
        self.capture = capture
        self.size = size
        self._folder = cache_dir("frames", capture.key())
        if capture.width == capture.height == size:
            self.crop = (0.0, 0.0, float(size))
        else:
            self.crop = square_around(_person_box(capture, self._folder), margin)
        left, top, side = self.crop
        self.camera = capture.camera.crop_resize(left, top, size / side, size, size)
        self._frames = self._open_store()

    def __len__(self) -> int:
        return len(self.capture)

    def image(self, frame: int) -> np.ndarray:
        """[3, size, size] uint8 RGB."""
        return np.array(self._frames[frame, :3])

    def mask(self, frame: int) -> np.ndarray:
        """[size, size] uint8 alpha."""
        return np.array(self._frames[frame, 3])

    def background(self) -> np.ndarray:
        """[3, size, size] uint8 RGB: the empty scene.

        The capture's plate; where it has none, what the person leaves uncovered in the training
        frames, filled in where it never does.
        """
        if self.capture.background is not None:
            left, top, side = (int(v) for v in self.crop)
            plate = read_image(self.capture.background)
            square = crop_resize(plate, left, top, side, self.size)
            return square.transpose(2, 0, 1).copy()
        train = self.capture.splits.get("train") or tuple(range(len(self)))
        frames = train[:: -(-len(train) // _PLATE_FRAMES)]
        return estimate_plate((self.image(i), self.mask(i)) for i in frames)

    def _open_store(self) -> np.memmap:
        """[T, 4, size, size] uint8, RGB and alpha; made if it is not in the cache."""
        left, top, side = (int(v) for v in self.crop)
        path = self._folder / f"v{_STORE_VERSION}-{self.size}-{left}-{top}-{side}.npy"
        if not path.exists():
            with atomic_path(path) as partial:
                shape = (len(self.capture), 4, self.size, self.size)
                store = open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
                pairs = zip(self.capture.images(), self.capture.masks(), strict=True)
                for slot, (image, mask) in zip(store, pairs, strict=True):
                    slot[:3] = crop_resize(image, left, top, side, self.size).transpose(2, 0, 1)
                    slot[3] = crop_resize(mask, left, top, side, self.size)
                store.flush()
                del store
        mark_used(self._folder, cache_limit())
        return np.load(path, mmap_mode="r")


def crop_resize(image: np.ndarray, left: int, top: int, side: int, size: int) -> np.ndarray:
    """Cut a square and resize it; every new pixel weighs the area it covers.

    Args:
        image: [H, W] or [H, W, C] uint8.
        left: Left edge of the square in pixels; may lie outside the picture.
        top: Top edge, likewise.
        side: Side of the square in pixels.
        size: Side of the result in pixels.

    Returns:
        [size, size] or [size, size, C] uint8.
    """
    height, width = image.shape[:2]
    if left >= 0 and top >= 0 and left + side <= width and top + side <= height:
        square = image[top : top + side, left : left + side]
    else:
        rows = np.arange(top, top + side).clip(0, height - 1)
        columns = np.arange(left, left + side).clip(0, width - 1)
        square = image.take(columns, axis=1).take(rows, axis=0)
    if side == size:
        return square
    shrink = side > size
    filter_ = Image.Resampling.HAMMING if shrink else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(np.ascontiguousarray(square)).resize((size, size), filter_))


def square_around(box: tuple[int, int, int, int], margin: float) -> tuple[float, float, float]:
    """Left, top, side (whole pixels) of the square around a box.

    Args:
        box: Left, top, right, bottom; right and bottom exclusive.
        margin: Room on every side as a fraction of the longer side.
    """
    left, top, right, bottom = box
    side = math.ceil(max(right - left, bottom - top) * (1 + 2 * margin))
    return (
        float(math.floor((left + right - side) / 2)),
        float(math.floor((top + bottom - side) / 2)),
        float(side),
    )


def union_box(masks: Iterable[np.ndarray]) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of all that is visible in any mask; None if nothing is."""
    rows: np.ndarray | None = None
    columns: np.ndarray | None = None
    for mask in masks:
        visible = mask > _VISIBLE
        rows = visible.any(1) if rows is None else rows | visible.any(1)
        columns = visible.any(0) if columns is None else columns | visible.any(0)
    if rows is None or columns is None or not rows.any():
        return None
    y, x = np.flatnonzero(rows), np.flatnonzero(columns)
    return int(x[0]), int(y[0]), int(x[-1]) + 1, int(y[-1]) + 1


def _person_box(capture: Capture, folder: Path) -> tuple[int, int, int, int]:
    """The person's box over all splits, kept in the cache.

    Raises:
        UserError: No mask shows anything.
    """
    path = folder / "person.json"
    if path.exists():
        left, top, right, bottom = json.loads(path.read_text())
        return left, top, right, bottom
    frames = sorted(frame for split in capture.splits.values() for frame in split)
    box = union_box(capture.masks(frames or None))
    if box is None:
        raise UserError(f"{capture.root}: every mask is empty; prepare the capture again")
    with atomic_path(path) as partial:
        partial.write_text(json.dumps(box))
    return box
