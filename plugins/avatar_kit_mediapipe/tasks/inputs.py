"""What every landmarker is given: its model, and pictures or squares cut out of them."""

from __future__ import annotations

from pathlib import Path

import mediapipe
import numpy as np


def base_options(model: Path) -> mediapipe.tasks.BaseOptions:
    """The options that name a model; its bytes, because not every path reaches the C++ side."""
    return mediapipe.tasks.BaseOptions(model_asset_buffer=model.read_bytes())


def picture(frame: np.ndarray) -> mediapipe.Image:
    """An [H, W, 3] uint8 RGB array as MediaPipe takes it."""
    return mediapipe.Image(
        image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(frame)
    )


def square(
    frame: np.ndarray, centre: np.ndarray, edge: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """A square of a picture, as far as it lies inside.

    Args:
        frame: [H, W, 3].
        centre: [2] in pixels.
        edge: In pixels.

    Returns:
        Its pixels, and [2] its left and top in the picture; None where hardly anything is inside.
    """
    low = np.maximum(np.floor(centre - edge / 2), 0).astype(int)
    high = np.minimum(np.ceil(centre + edge / 2), frame.shape[1::-1]).astype(int)
    if (high - low < 16).any():
        return None
    return frame[low[1] : high[1], low[0] : high[0]], low
