"""Masks that somebody made for the frames of a video."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.io.image import read_image
from avatar_kit.io.picture_sequence import numbered
from avatar_kit.io.video_file import OPAQUE


class MaskFolder:
    """One mask for each frame of a video: white where the person is, or transparent where not.

    Args:
        folder: Holds the masks, in the order of their numbers.
        frames: Frames of the whole video.
        size: Width and height of its pictures in pixels.

    Attributes:
        files: The masks.

    Raises:
        UserError: There are more or fewer.
    """

    def __init__(self, folder: Path, frames: int, size: tuple[int, int]):
        if not folder.is_dir():
            raise UserError(f"--masks {folder}: no such folder")
        self.files, self._size = numbered(folder), size
        if len(self.files) != frames:
            raise UserError(
                f"--masks {folder}: {len(self.files)} masks for {frames} frames; give one for each "
                "frame of the video, whatever part of it is read"
            )

    def read(self, frame: int) -> np.ndarray:
        """[H, W] uint8, how much each pixel is the person.

        Raises:
            UserError: The mask cannot be read, has another size, or nothing in it is white.
        """
        file = self.files[frame]
        image = read_image(file, mode="RGBA")
        if (size := (image.shape[1], image.shape[0])) != self._size:
            raise UserError(
                f"{file}: {size[0]}x{size[1]} pixels, the pictures of the video have "
                f"{self._size[0]}x{self._size[1]}"
            )
        alpha = image[..., 3]
        mask = alpha if alpha.min() < OPAQUE else image[..., :3].max(-1)
        if 0 < mask.max() < 128:
            raise UserError(
                f"{file}: no pixel is above {mask.max()} of 255; the person must be white"
            )
        return np.ascontiguousarray(mask)
