"""The dataset: reads a plain folder, and copies nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from avatar_kit.capture import Capture, CaptureRecord, Pictures
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Dataset
from avatar_kit.io import load_motion
from avatar_kit_blobs.config import FolderConfig


class PngFiles(Pictures):
    """``pictures/*.png`` and ``masks/*.png``, in the order of their names."""

    def __init__(self, root: Path):
        self.root = root
        self.pictures = sorted((root / "pictures").glob("*.png"))
        self.silhouettes = sorted((root / "masks").glob("*.png"))
        if not self.pictures or len(self.pictures) != len(self.silhouettes):
            raise UserError(
                f"{root}: {len(self.pictures)} pictures/*.png and {len(self.silhouettes)} "
                "masks/*.png; give a mask for each picture"
            )

    def images(self, camera: str, frames: Iterable[int]) -> Iterator[np.ndarray]:
        """[H, W, 3] uint8."""
        return (_pixels(self.pictures[frame], "RGB") for frame in frames)

    def masks(self, camera: str, frames: Iterable[int]) -> Iterator[np.ndarray]:
        """[H, W] uint8."""
        return (_pixels(self.silhouettes[frame], "L") for frame in frames)

    def files(self) -> Iterator[Path]:
        """All there is to read."""
        yield from (*self.pictures, *self.silhouettes)
        yield from (self.root / "camera.json", self.root / "motion.npz")


class Folder(Dataset):
    """One camera that stands, one clip to train on and the last frames to measure on."""

    config: FolderConfig

    def open(self, size: int | None = None) -> Capture:
        """The folder as a capture."""
        root = self.config.path
        if not root.is_dir():
            raise UserError(f"{root}: no such folder")
        pictures, motion = PngFiles(root), load_motion(root / "motion.npz")
        total = len(pictures.pictures)
        if len(motion) != total:
            raise UserError(f"{root}: {total} pictures, but {len(motion)} poses in motion.npz")
        train = total - max(1, round(total * self.config.held_out))
        height, width = next(pictures.masks("main", [0])).shape
        record = CaptureRecord.model_validate(
            {
                "schema_version": 2,
                "name": root.resolve().name,
                "frames": total,
                "fps": motion.fps,
                "images": "png",
                "body": self.config.body,
                "shape": {},
                "cameras": [{"name": "main", "width": width, "height": height, **_camera(root)}],
                "splits": {"train": list(range(train)), "test": list(range(train, total))},
                "clips": [(0, train), (train, total)],
                "provenance": {},
            }
        )
        return Capture(root, record, motion, pictures)


def _camera(root: Path) -> dict[str, Any]:
    file = root / "camera.json"
    try:
        values = json.loads(file.read_text())
        return {key: values[key] for key in ("K", "R", "t")}
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{file}: expected JSON with K, R (world to camera) and t") from None


def _pixels(file: Path, mode: str) -> np.ndarray:
    try:
        with Image.open(file, formats=["PNG"]) as picture:
            return np.asarray(picture.convert(mode))
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: no PNG that can be read ({error})") from None
