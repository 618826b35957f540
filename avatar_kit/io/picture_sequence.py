"""Pictures in a folder, read as a video."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.io.image import opened_image, read_image
from avatar_kit.io.video_file import PROBED_FRAMES, SourceFrame, is_mask

#: Suffixes of pictures that are looked for in a folder.
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})
#: Pictures per second where nobody says.
ASSUMED_FPS = 30.0

_PATTERN = re.compile(r"%0?\d*d")
#: Numbers of EXIF: the folder of camera settings, and the focal length in terms of 35 mm film.
_EXIF_FOLDER, _EXIF_FOCAL_35MM = 0x8769, 0xA405


def is_sequence(path: Path) -> bool:
    """Whether a path means pictures: a folder, or a name such as ``%05d.png``."""
    return path.is_dir() or (bool(_PATTERN.search(path.name)) and not path.exists())


def numbered(path: Path) -> list[Path]:
    """The pictures of a folder, or of a name such as ``%05d.png``, in the order of their numbers.

    Raises:
        UserError: There are none.
    """
    if path.is_dir():
        files = [f for f in path.iterdir() if f.suffix.lower() in SUFFIXES and f.name[0] != "."]
        what = "holds no pictures"
    else:
        before, after = (re.escape(part) for part in _PATTERN.split(path.name, maxsplit=1))
        name = re.compile(f"{before}\\d+{after}")
        there = path.parent.iterdir() if path.parent.is_dir() else iter(())
        files = [f for f in there if name.fullmatch(f.name)]
        what = "there are no such pictures"
    if not files:
        raise UserError(f"{path}: {what}; expected {', '.join(sorted(SUFFIXES))}")
    return sorted(files, key=_in_order)


def _in_order(file: Path) -> list[tuple[int, str]]:
    """``a2`` comes before ``a10``."""
    parts = re.split(r"(\d+)", file.name)
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]


class PictureSequence:
    """Pictures in a folder, or numbered ones of a name such as ``%05d.png``.

    It has what :class:`~avatar_kit.io.video_file.VideoFile` has, and reads the same way. Pictures
    are turned as the camera that took them says (EXIF).

    Args:
        path: The folder, or the name.
        fps: Pictures per second; None: ``ASSUMED_FPS``.

    Raises:
        UserError: There are no pictures, or the first cannot be read.
    """

    def __init__(self, path: Path, fps: float | None = None):
        self.path = path
        self.files = numbered(path)
        self.notes: list[str] = []
        self.missing = self.turns = 0
        self.tick = 0.0
        self.rate = fps or ASSUMED_FPS
        if fps is None:
            self.notes.append(f"{ASSUMED_FPS:g} pictures a second assumed; say --fps if not")
        if path.is_dir() and (others := self._others()):
            self.notes.append(f"{others} files of the folder are no pictures and left out")
        if holes := self._holes():
            self.notes.append(f"numbers are left out in {holes} places; read as if none were")
        self.times = np.arange(len(self.files)) / self.rate
        self._size, self.metadata = self._about(self.files[0])
        self.width, self.height = self._size
        probed = self.files[:PROBED_FRAMES]
        self.alpha, note = is_mask([read_image(f, mode="RGBA")[..., 3] for f in probed])
        self.notes += note

    def frames(self) -> Iterator[SourceFrame]:
        """The pictures, one by one.

        Raises:
            UserError: One cannot be read, or has another size than the first.
        """
        for number, file in enumerate(self.files):
            yield SourceFrame(number, True, partial(self._picture, file))

    def _picture(self, file: Path) -> np.ndarray:
        image = read_image(file, mode="RGBA" if self.alpha else "RGB", upright=True)
        size = (image.shape[1], image.shape[0])
        if size != self._size:
            raise UserError(
                f"{file}: {size[0]}x{size[1]} pixels, the first picture has {self._size[0]}x"
                f"{self._size[1]}; give pictures of one size"
            )
        return image

    def _others(self) -> int:
        known = set(self.files)
        return sum(f not in known and f.name[0] != "." for f in self.path.iterdir() if f.is_file())

    def _holes(self) -> int:
        numbers = [re.findall(r"\d+", file.stem)[-1:] for file in self.files]
        steps = np.diff([int(n[0]) for n in numbers]) if all(numbers) else np.zeros(0)
        return int((steps > np.median(steps)).sum()) if len(steps) else 0

    @staticmethod
    def _about(file: Path) -> tuple[tuple[int, int], dict[str, str]]:
        """Upright width and height of a picture, and its focal length as videos name it."""
        with opened_image(file) as image:
            exif = image.getexif()
            focal = exif.get_ifd(_EXIF_FOLDER).get(_EXIF_FOCAL_35MM)
        shape = read_image(file, upright=True).shape
        metadata = {} if focal is None else {"focal_length.35mm_equivalent": str(focal)}
        return (shape[1], shape[0]), metadata
