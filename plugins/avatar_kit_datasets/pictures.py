"""Pictures and masks that stay where they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from avatar_kit.capture import Pictures
from avatar_kit.errors import UserError
from avatar_kit.io import read_image
from avatar_kit.io.image import opened_image
from avatar_kit.io.motion.arrays import read_npy
from avatar_kit_datasets.names import KINDS

#: "soft": 0 to 255; "labels": 0 is the scene, every other value a part of the person.
MaskKind = Literal["soft", "labels"]


class FilePictures(Pictures):
    """A file for every picture and every mask.

    Args:
        images: Camera -> one file a frame.
        masks: Camera -> one file a frame, a picture or an ``.npy``.
        kind: What the values of masks mean.
    """

    def __init__(
        self,
        images: Mapping[str, Sequence[Path]],
        masks: Mapping[str, Sequence[Path]],
        kind: MaskKind = "soft",
    ):
        self.paths, self.mask_paths, self.kind = images, masks, kind

    def images(self, camera: str, frames: Iterable[int]) -> Iterator[np.ndarray]:
        """One file a frame."""
        return (read_image(self.paths[camera][frame]) for frame in frames)

    def masks(self, camera: str, frames: Iterable[int]) -> Iterator[np.ndarray]:
        """One file a frame."""
        return (read_mask(self.mask_paths[camera][frame], self.kind) for frame in frames)

    def files(self) -> Iterator[Path]:
        """All of them."""
        for found in (self.paths, self.mask_paths):
            for paths in found.values():
                yield from paths


class ComputedPictures(Pictures):
    """Pictures out of a video or an archive: functions from camera and frames to arrays.

    Args:
        images: Camera, frames -> pictures.
        masks: Camera, frames -> masks.
        files: What they are read from.
        random_access: See :class:`~avatar_kit.capture.Pictures`.
    """

    def __init__(
        self,
        images: Callable[[str, Iterable[int]], Iterator[np.ndarray]],
        masks: Callable[[str, Iterable[int]], Iterator[np.ndarray]],
        files: Sequence[Path],
        *,
        random_access: bool = True,
    ):
        self._images, self._masks, self._files = images, masks, files
        self.random_access = random_access

    def images(self, camera: str, frames: Iterable[int]) -> Iterator[np.ndarray]:
        """See above."""
        return self._images(camera, frames)

    def masks(self, camera: str, frames: Iterable[int]) -> Iterator[np.ndarray]:
        """See above."""
        return self._masks(camera, frames)

    def files(self) -> Iterator[Path]:
        """See above."""
        return iter(self._files)


def read_mask(path: Path, kind: MaskKind) -> np.ndarray:
    """[H, W] uint8, how much each pixel is the person.

    Raises:
        UserError: The file is missing or no mask.
    """
    if path.suffix == ".npy":
        values = read_npy(path)
    elif kind == "labels":
        with opened_image(path) as image:
            values = np.asarray(image.convert("L"))
    else:
        return read_image(path, mode="L")
    return as_mask(values, str(path), kind)


def as_mask(values: np.ndarray, what: str, kind: MaskKind = "soft") -> np.ndarray:
    """[H, W] uint8 of values that are true, up to 1, up to 255, or labels.

    Raises:
        UserError: It is no picture of one channel.
    """
    values = np.asarray(values).squeeze()
    if values.ndim != 2 or values.dtype.kind not in "biuf":
        raise UserError(f"{what}: a mask of {values.shape} {values.dtype}, expected one channel")
    if kind == "labels" or values.dtype == bool:
        return np.where(values > 0, 255, 0).astype(np.uint8)
    whole = 255.0 if float(values.max(initial=0)) <= 1 else 1.0
    return np.round(np.clip(values * whole, 0, 255)).astype(np.uint8)


def picture_files(folder: Path, what: str = "pictures") -> list[Path]:
    """Files of pictures and masks in a folder, by the number in their names.

    Raises:
        UserError: The folder is missing, holds none, or two files have one number.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of {what}")
    files = [p for p in folder.iterdir() if p.suffix.lower() in (*KINDS, ".npy")]
    if not files:
        raise UserError(f"{folder}: holds no {what} ({', '.join(KINDS)})")
    numbers = {path: number_of(path) for path in files}
    taken: dict[int, Path] = {}
    for path in sorted(files):
        if (other := taken.setdefault(numbers[path], path)) != path:
            raise UserError(
                f"{folder}: {other.name} and {path.name} are both number {numbers[path]}; leave "
                "one file for a frame"
            )
    return sorted(files, key=lambda path: numbers[path])


def number_of(path: Path) -> int:
    """The last number in a file's name.

    Raises:
        UserError: There is none.
    """
    digits = "".join(c if c.isascii() and c.isdigit() else " " for c in path.stem).split()
    if not digits:
        raise UserError(f"{path}: its name holds no number of a frame")
    return int(digits[-1])


def paired(images: Sequence[Path], masks: Sequence[Path], folder: Path) -> list[Path]:
    """The mask of every picture, by number.

    Raises:
        UserError: A picture has none.
    """
    by_number = {number_of(path): path for path in masks}
    missing = [path for path in images if number_of(path) not in by_number]
    if missing:
        raise UserError(
            f"{folder}: {len(missing)} of {len(images)} pictures have no mask, the first is "
            f"{missing[0].name}"
        )
    return [by_number[number_of(path)] for path in images]


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of a picture, by its header.

    Raises:
        UserError: It cannot be read.
    """
    with opened_image(path) as image:
        return image.size
