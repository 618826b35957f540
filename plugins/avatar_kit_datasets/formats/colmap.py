"""COLMAP's text files: cameras.txt and images.txt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import roma
import torch

from avatar_kit.errors import UserError
from avatar_kit_datasets.files import parsed, text_of
from avatar_kit_datasets.recording import View

#: Camera model -> number of its parameters, and how many of them come first as focal lengths.
_MODELS = {
    "SIMPLE_PINHOLE": (3, 1),
    "PINHOLE": (4, 2),
    "SIMPLE_RADIAL": (4, 1),
    "RADIAL": (5, 1),
    "OPENCV": (8, 2),
}


def read_colmap(folder: Path) -> dict[str, View]:
    """Name of a picture -> its camera, world-to-camera, in the scale of the scene.

    Raises:
        UserError: A file is missing or damaged, or a camera model is not known.
    """
    cameras = {row[0]: _intrinsics(folder, row) for row in _rows(folder / "cameras.txt")}
    found = {}
    for row in _rows(folder / "images.txt")[::2]:  # each is followed by its points
        if len(row) < 10 or row[8] not in cameras:
            raise UserError(f"{folder / 'images.txt'}: a line of {len(row)} words names no camera")
        numbers = parsed(row[1:8], folder / "images.txt")
        quaternion = torch.from_numpy(numbers[[1, 2, 3, 0]])
        if not 0.5 < float(quaternion.norm()) < 2:
            raise UserError(f"{folder / 'images.txt'}: {' '.join(row[9:])}: is no unit quaternion")
        R = roma.unitquat_to_rotmat(quaternion / quaternion.norm()).numpy()
        K, width, height, lens = cameras[row[8]]
        found[" ".join(row[9:])] = View(K, R, numbers[4:], width, height, lens)
    return found


def _rows(path: Path) -> list[list[str]]:
    lines = text_of(path).splitlines()
    kept = [line.split() for line in lines if not line.startswith("#")]
    return kept if path.name == "images.txt" else [row for row in kept if row]


def _intrinsics(folder: Path, row: list[str]) -> tuple[np.ndarray, int, int, tuple[float, ...]]:
    path = folder / "cameras.txt"
    model = row[1] if len(row) > 4 else ""
    if model not in _MODELS or len(row) != 4 + _MODELS[model][0]:
        raise UserError(f"{path}: camera model '{model}'; known: {', '.join(_MODELS)}")
    width, height, *values = parsed(row[2:], path).tolist()
    focal = values[: _MODELS[model][1]]
    cx, cy, *lens = values[len(focal) :]
    K = np.array([[focal[0], 0, cx], [0, focal[-1], cy], [0, 0, 1.0]])
    return K, int(width), int(height), tuple(lens)
