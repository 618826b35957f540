"""What the engine trains and evaluates on: a crop around the person, resized."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.lib.format import open_memmap
from PIL import Image

from avatar_kit.capture.folder import Capture
from avatar_kit.capture.masks import Box, person_boxes
from avatar_kit.capture.plate import estimate_plate
from avatar_kit.capture.split import Sample
from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.cache import cache_dir, cache_limit, mark_used
from avatar_kit.scene import Camera

#: Raised when the content of a store changes for the same capture and crop.
_STORE_VERSION = 2

#: Decoded frames of a capture that may be stored, in bytes; those of a larger one are decoded anew
#: each time they are needed, ahead of the training steps.
STORE_BYTES = 4 << 30

#: Share of the pixels that a picture narrower than high must save.
LEAST_SAVED = 0.25

#: Training frames at most that a missing plate is estimated from.
_PLATE_FRAMES = 64


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


class CaptureView:
    """A capture seen through one fixed crop for each camera, all resized to one size.

    The crop covers the boxes of the person over all splits, with a margin, in whole pixels; where
    it reaches past the picture, the border is repeated. A capture that already has the height keeps
    its rows. Frames are decoded and resized once into memory-mapped files in the cache, so memory
    stays bounded and epochs cost no decoding; where these would be larger than
    :data:`STORE_BYTES`, pictures are read where they lie each time.

    Args:
        capture: The capture.
        height: Height of the pictures in pixels.
        width: Width in pixels; None: see :func:`needed_width`.
        multiple_of: What a width that is not given is rounded up to a multiple of.
        margin: Room on every side of the person as a fraction of the box's longer side.

    Attributes:
        cameras: Name -> camera of the crop: a batch of one, or of one for every frame.
        crops: Name -> what is cut out of the camera's pictures.
        width: Width of the pictures in pixels.
        height: Height of the pictures in pixels.
    """

    def __init__(
        self,
        capture: Capture,
        height: int,
        width: int | None = None,
        *,
        multiple_of: int = 1,
        margin: float = 0.08,
    ):
        self.capture, self.height = capture, height
        self._opened: dict[str, np.ndarray] = {}
        self._folder = cache_dir("frames", capture.key())
        boxes = person_boxes(capture, self._folder)
        sizes = {name: (camera.width, camera.height) for name, camera in capture.cameras.items()}
        self.width = width or needed_width(boxes, sizes, height, margin, multiple_of)
        size = (self.width, height)
        self.crops = {name: crop_around(boxes[name], sizes[name], size, margin) for name in boxes}
        self.cameras = {
            name: camera.crop_resize(crop.left, crop.top, _scale(crop, size), *size)
            for (name, camera), crop in zip(
                capture.cameras.items(), self.crops.values(), strict=True
            )
        }

    def __len__(self) -> int:
        return len(self.capture)

    @property
    def main(self) -> str:
        """Name of the main camera."""
        return next(iter(self.cameras))

    def camera(self, sample: Sample) -> Camera:
        """The camera of a sample, a batch of one."""
        camera = self.cameras[sample.camera]
        return camera[sample.frame] if len(camera) > 1 else camera

    def image(self, sample: Sample) -> np.ndarray:
        """[3, height, width] uint8 RGB."""
        return self._frame(sample)[:3].copy()

    def mask(self, sample: Sample) -> np.ndarray:
        """[height, width] uint8, how much each pixel is the person."""
        return self._frame(sample)[3].copy()

    def plate(self, camera: str) -> np.ndarray | None:
        """[3, height, width] uint8 RGB: the empty scene as a camera sees it.

        The capture's plate; where it has none, what the person leaves uncovered in the training
        frames, filled in where it never does. None for a camera that moves or took no part in
        the training, of which there is none.
        """
        known = self.capture.plate(camera)
        if known is not None:
            return self._cut(known, camera).transpose(2, 0, 1).copy()
        train = self.capture.splits.get("train")
        moves = len(self.cameras[camera]) > 1
        if moves or train is None or camera not in train.cameras:
            return None
        seen = train.frames_of(camera)
        frames = seen[:: -(-len(seen) // _PLATE_FRAMES)]
        samples = [Sample(frame, camera) for frame in frames]
        return estimate_plate((self.image(s), self.mask(s)) for s in samples)

    def _frame(self, sample: Sample) -> np.ndarray:
        """[4, height, width] uint8, RGB and mask."""
        if self._stored:
            first = self.capture.frames_of(sample.camera).start
            return self._store(sample.camera)[sample.frame - first]
        return self._decoded([sample.frame], sample.camera)[0]

    @functools.cached_property
    def _stored(self) -> bool:
        pictures = sum(len(self.capture.frames_of(camera)) for camera in self.cameras)
        needed = pictures * 4 * self.width * self.height
        return needed <= STORE_BYTES or not self.capture.pictures.random_access

    def _store(self, camera: str) -> np.ndarray:
        """[T, 4, height, width] uint8 of what a camera recorded; made if it is not in the cache."""
        if camera not in self._opened:
            self._opened[camera] = self._open_store(camera)
        return self._opened[camera]

    def _open_store(self, camera: str) -> np.ndarray:
        crop = self.crops[camera]
        place = f"{crop.left}-{crop.top}-{crop.width}-{crop.height}"
        name = f"v{_STORE_VERSION}-{self.width}x{self.height}-{place}-{camera}.npy"
        path = self._folder / name
        if not path.exists():
            with atomic_path(path) as partial:
                count = len(self.capture.frames_of(camera))
                shape = (count, 4, self.height, self.width)
                store = open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
                pairs = zip(
                    self.capture.images(camera=camera),
                    self.capture.masks(camera=camera),
                    strict=True,
                )
                for slot, pair in zip(store, pairs, strict=True):
                    self._join(slot, *pair, camera)
                store.flush()
                del store
        mark_used(self._folder, cache_limit())
        return np.load(path, mmap_mode="r")

    def _decoded(self, frames: list[int], camera: str) -> list[np.ndarray]:
        """Frames as a store would hold them, read where they lie."""
        found = []
        pairs = zip(
            self.capture.images(frames, camera), self.capture.masks(frames, camera), strict=True
        )
        for pair in pairs:
            slot = np.empty((4, self.height, self.width), np.uint8)
            self._join(slot, *pair, camera)
            found.append(slot)
        return found

    def _join(self, slot: np.ndarray, image: np.ndarray, mask: np.ndarray, camera: str) -> None:
        slot[:3] = self._cut(image, camera).transpose(2, 0, 1)
        slot[3] = self._cut(mask, camera)

    def _cut(self, picture: np.ndarray, camera: str) -> np.ndarray:
        return crop_resize(picture, self.crops[camera], self.width, self.height)


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


def _scale(crop: Crop, size: tuple[int, int]) -> tuple[float, float]:
    return size[0] / crop.width, size[1] / crop.height
