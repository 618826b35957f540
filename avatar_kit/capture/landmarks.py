"""Landmarks of a capture: where a tracker saw the body, the hands and the face."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.io.atomic import atomic_path

#: Key -> shape of one frame; -1 is any number of face points.
LANDMARK_SHAPES: dict[str, tuple[int, ...]] = {
    "body": (23, 2),
    "body_confidence": (23,),
    "hands": (2, 21, 2),
    "hands_confidence": (2,),
    "face": (-1, 2),
    "face_confidence": (),
}


def check_landmarks(landmarks: dict[str, np.ndarray], frames: int, path: Path) -> None:
    """Check keys and shapes; values in pixels and confidences in [0, 1].

    Raises:
        UserError: A key is missing, unknown, or of another shape.
    """
    if set(landmarks) != set(LANDMARK_SHAPES):
        raise UserError(f"{path}: keys {sorted(landmarks)}, expected {sorted(LANDMARK_SHAPES)}")
    for key, shape in LANDMARK_SHAPES.items():
        found = landmarks[key].shape
        fits = len(found) == 1 + len(shape) and found[0] == frames
        if not fits or any(e not in (-1, f) for e, f in zip(shape, found[1:], strict=True)):
            raise UserError(f"{path}: key '{key}' has shape {found}, expected {(frames, *shape)}")


def write_landmarks(path: Path, landmarks: dict[str, np.ndarray]) -> None:
    """Write the landmarks as float32, whole or not at all."""
    with atomic_path(path) as partial:
        np.savez_compressed(partial, **{k: v.astype(np.float32) for k, v in landmarks.items()})
