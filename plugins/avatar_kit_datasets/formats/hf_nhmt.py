"""HF-NHMT (HFshirt): pictures of a person, the empty scene, and poses that a tracker found.

The publisher gives neither cameras nor poses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from avatar_kit.capture import Pictures
from avatar_kit.errors import UserError
from avatar_kit.io import load_motion, read_image
from avatar_kit_datasets.config import HfNhmtConfig
from avatar_kit_datasets.dataset import Recorded
from avatar_kit_datasets.files import needed
from avatar_kit_datasets.formats.pictures import views_of
from avatar_kit_datasets.pictures import paired, picture_files, read_mask, size_of
from avatar_kit_datasets.recording import Recording

#: Grey levels off the empty scene from which a pixel is the person.
_OFF = 20.0

#: A shadow keeps this much of the light, and its colour to so many grey levels.
_SHADOW, _SAME_COLOUR = 0.45, 14.0

#: Of the nine pixels around one, how many must agree that it is the person.
_AGREE = 5


class HfNhmt(Recorded):
    """``images/`` and ``background.png``; the motion and the camera are named in the config."""

    config: HfNhmtConfig
    title = "HF-NHMT"

    def read(self) -> Recording:
        """A frame for every picture."""
        root, config = self.config.path, self.config
        images = picture_files(root / "images")
        plate = read_image(needed(root, "background.png", "background.jpg"))
        size = size_of(images[0])
        if plate.shape[1::-1] != size:
            raise UserError(
                f"{root}: background.png is {plate.shape[1]}x{plate.shape[0]} pixels, the pictures "
                f"are {size[0]}x{size[1]}"
            )
        path = config.motion or root / "motion.npz"
        if not path.exists():
            raise UserError(
                f"{path}: no such motion file; HF-NHMT has no cameras and poses: give those of a "
                "tracker (motion=FILE fov=DEGREES), or make a capture of the pictures with  "
                f"avatar-kit prepare {root / 'images'}"
            )
        motion = load_motion(path, up="y")
        if len(motion) != len(images):
            raise UserError(
                f"{path}: {len(motion)} frames for {len(images)} pictures of {root / 'images'}"
            )
        views = views_of({"main": size}, root, config.camera or root / "cameras.json", config.fov)
        folder = config.masks or root / "masks"
        masks, note = None, "masks are the difference to background.png"
        if folder.is_dir() or config.masks is not None:
            masks, note = paired(images, picture_files(folder, "masks"), folder), ""
        pictures = PlatePictures(images, masks, plate)
        notes = (note,) if note else ()
        return Recording(root, root.name, motion.fps, views, motion, pictures, notes=notes)


class PlatePictures(Pictures):
    """Pictures of one camera before a scene that is known empty.

    Args:
        images: One file a frame.
        masks: One file a frame; None: masks are what differs from the empty scene.
        plate: [H, W, 3] uint8, the empty scene.
    """

    def __init__(self, images: list[Path], masks: list[Path] | None, plate: np.ndarray):
        self._images, self._masks, self._plate = images, masks, plate

    def images(self, camera: str, frames: Iterable[int]) -> Iterator[np.ndarray]:
        """One file a frame."""
        return (read_image(self._images[frame]) for frame in frames)

    def masks(self, camera: str, frames: Iterable[int]) -> Iterator[np.ndarray]:
        """One file a frame, or the difference to the plate."""
        if self._masks is not None:
            return (read_mask(self._masks[frame], "soft") for frame in frames)
        return (difference_mask(read_image(self._images[f]), self._plate) for f in frames)

    def plate(self, camera: str) -> np.ndarray | None:
        """The empty scene."""
        return self._plate

    def files(self) -> Iterator[Path]:
        """All of them; masks are made of the pictures where there are none."""
        return iter([*self._images, *(self._masks or ())])


def difference_mask(image: np.ndarray, plate: np.ndarray) -> np.ndarray:
    """[H, W] uint8 where a picture is not the empty scene, lit or in a shadow.

    Args:
        image: [H, W, 3] uint8.
        plate: [H, W, 3] uint8, the empty scene by the same camera.
    """
    if image.shape != plate.shape:
        raise UserError(f"a picture is {image.shape[:2]}, the empty scene {plate.shape[:2]} pixels")
    picture, empty = image.astype(np.float32), plate.astype(np.float32)
    off = np.abs(picture - empty).max(2)
    lit = ((picture * empty).sum(2) / np.maximum((empty**2).sum(2), 1.0)).clip(0, 1)
    same = np.abs(picture - lit[..., None] * empty).max(2) < _SAME_COLOUR
    person = (off > _OFF) & ~(same & (lit > _SHADOW))
    around = np.pad(person, 1, mode="edge").astype(np.uint8)
    rows, columns = person.shape
    count = sum(around[i : i + rows, j : j + columns] for i in range(3) for j in range(3))
    return np.where(count >= _AGREE, 255, 0).astype(np.uint8)
