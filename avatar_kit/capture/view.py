"""What the engine trains and evaluates on: a crop around the person, resized."""

from __future__ import annotations

import errno
import functools
import logging
from pathlib import Path

import numpy as np
from numpy.lib.format import write_array_header_1_0

from avatar_kit.capture.crop import crop_around, crop_resize, needed_width, scale_of
from avatar_kit.capture.folder import Capture
from avatar_kit.capture.masks import person_boxes
from avatar_kit.capture.plate import estimate_plate
from avatar_kit.capture.split import Sample
from avatar_kit.errors import UserError
from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.cache import cache_dir, cache_limit, mark_used
from avatar_kit.io.motion.arrays import DAMAGE
from avatar_kit.scene import Camera

logger = logging.getLogger(__name__)

#: Raised when the content of a store changes for the same capture and crop.
_STORE_VERSION = 2

#: Decoded frames of a capture that may be stored, in bytes; those of a larger one are decoded anew
#: each time they are needed, ahead of the training steps.
STORE_BYTES = 4 << 30

#: How often decoded frames are stored again that somebody deletes meanwhile.
_TRIES = 3

#: Training frames at most that a missing plate is estimated from.
_PLATE_FRAMES = 64


class CaptureView:
    """A capture seen through one fixed crop for each camera, all resized to one size.

    The crop covers the boxes of the person over all splits, with a margin, in whole pixels. Outside
    the picture, the border is repeated. A capture that already has the height keeps its rows.
    Frames are decoded and resized once into memory-mapped files in the cache, so memory stays
    bounded and epochs need no decoding. If these files would be larger than :data:`STORE_BYTES`,
    pictures are read from the capture each time.

    Args:
        capture: The capture.
        height: Height of the pictures in pixels.
        width: Width in pixels; None: see :func:`needed_width`.
        multiple_of: If ``width`` is None, it is rounded up to a multiple of this number.
        margin: Room on every side of the person as a fraction of the box's longer side.

    Attributes:
        cameras: Name -> camera of the crop: a batch of one, or of one per frame.
        crops: Name -> the crop of the camera's pictures.
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
            name: camera.crop_resize(crop.left, crop.top, scale_of(crop, size), *size)
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

        This is the plate of the capture. If the capture has none, it is what the person leaves
        uncovered in the training frames; pixels that are always covered are filled in. None for a
        camera without a plate that moves or was not in the training.
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
        shape = (len(self.capture.frames_of(camera)), 4, self.height, self.width)
        for _ in range(_TRIES):  # the cache may be deleted at any time
            try:
                whole = path.exists() and _is_store(path, shape)
                if path.exists() and not whole:
                    logger.warning("%s: damaged; its frames are decoded anew", path)
                if not whole:
                    self._write_store(path, camera)
                stored = np.load(path, mmap_mode="r")
                break
            except FileNotFoundError:
                continue
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                count = len(self.capture.frames_of(camera))
                gib = count * 4 * self.height * self.width / 2**30
                raise UserError(
                    f"{self._folder}: the disk is full; the decoded frames of a camera take "
                    f"{gib:.2f} GiB there: free some space, or move the cache (AVATAR_KIT_CACHE)"
                ) from None
        else:
            raise UserError(f"{path}: deleted {_TRIES} times while it was written; leave it alone")
        mark_used(self._folder, cache_limit())
        return stored

    def _write_store(self, path: Path, camera: str) -> None:
        """Write what a camera recorded, one after another: a full disk is an error, not a crash, as
        it would be for memory that is mapped.
        """
        shape = (len(self.capture.frames_of(camera)), 4, self.height, self.width)
        pairs = zip(
            self.capture.images(camera=camera), self.capture.masks(camera=camera), strict=True
        )
        with atomic_path(path) as partial, partial.open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            write_array_header_1_0(file, header)
            slot = np.empty(shape[1:], np.uint8)
            for pair in pairs:
                self._join(slot, *pair, camera)
                file.write(slot.data)

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


def _is_store(path: Path, shape: tuple[int, ...]) -> bool:
    """Whether a file of the cache holds decoded frames, all of them."""
    if not path.is_file():  # a pipe would be waited for
        return False
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except DAMAGE:
        return False
    return found.shape == shape and found.dtype == np.uint8
