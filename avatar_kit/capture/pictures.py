"""Where the pictures of a capture come from."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from avatar_kit.capture import layout
from avatar_kit.capture.record import CaptureRecord
from avatar_kit.io.image import read_image
from avatar_kit.io.video import read_frames


class Pictures(ABC):
    """Pictures and masks as they are on disk, read on access.

    A dataset that reads another format implements this; its pictures stay where they are.

    Attributes:
        random_access: Whether every frame can be read about as fast as the next one. If not, all
            decoded pictures are kept in the cache, however many there are.
    """

    random_access: bool = True

    @abstractmethod
    def images(self, camera: str, frames: Iterable[int]) -> Iterator[np.ndarray]:
        """[H, W, 3] uint8 RGB of some frames, one by one."""

    @abstractmethod
    def masks(self, camera: str, frames: Iterable[int]) -> Iterator[np.ndarray]:
        """[H, W] uint8, how much each pixel is the person, of some frames, one by one."""

    def plate(self, camera: str) -> np.ndarray | None:
        """[H, W, 3] uint8 RGB, the empty scene; None if it is not known."""
        return None

    @abstractmethod
    def files(self) -> Iterator[Path]:
        """Every file that is read: their content identifies the capture."""


class FolderPictures(Pictures):
    """The pictures of a capture folder."""

    def __init__(self, root: Path, record: CaptureRecord):
        self.root, self.record = root, record
        self.random_access = record.images != "mp4"

    def images(self, camera: str, frames: Iterable[int]) -> Iterator[np.ndarray]:
        """Rising frame numbers are fast for a video; others make it start again."""
        kind = self.record.images
        if kind != "mp4":
            return (read_image(layout.image_path(self.root, camera, i, kind)) for i in frames)
        about = next(c for c in self.record.cameras if c.name == camera)
        first = about.recorded(self.record.frames).start
        video = read_frames(self.video(camera), (frame - first for frame in frames))
        return (image[: about.height, : about.width] for image in video)  # H.264 is even-sized

    def masks(self, camera: str, frames: Iterable[int]) -> Iterator[np.ndarray]:
        """From one grey PNG a frame."""
        paths = (layout.mask_path(self.root, camera, i) for i in frames)
        return (read_image(path, mode="L") for path in paths)

    def plate(self, camera: str) -> np.ndarray | None:
        """From the camera's file."""
        path = self.plate_file(camera)
        return read_image(path) if os.path.exists(path) else None  # of any name

    def files(self) -> Iterator[Path]:
        """Pictures or video, masks and plate of every camera."""
        kind = self.record.images
        for about in self.record.cameras:
            camera = about.name
            if kind == "mp4":
                yield self.video(camera)
            for frame in about.recorded(self.record.frames):
                if kind != "mp4":
                    yield layout.image_path(self.root, camera, frame, kind)
                yield layout.mask_path(self.root, camera, frame)
            if os.path.exists(self.plate_file(camera)):
                yield self.plate_file(camera)

    def video(self, camera: str) -> Path:
        """The camera's video."""
        return self._found(layout.video_path(self.root, camera), layout.VIDEO_OF_VERSION_1)

    def plate_file(self, camera: str) -> Path:
        """The camera's plate, which need not exist."""
        return self._found(layout.plate_path(self.root, camera), layout.PLATE_OF_VERSION_1)

    def _found(self, path: Path, of_version_1: str) -> Path:
        alone = len(self.record.cameras) == 1
        older = self.root / of_version_1
        return older if alone and older.exists() and not os.path.exists(path) else path
