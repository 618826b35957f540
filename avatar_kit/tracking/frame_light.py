"""How the light of a scene differs from frame to frame: a camera's exposure, a lamp."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Step of the pixels that the light of a frame is found from.
_LIGHT_STEP = 8


@dataclass(frozen=True)
class FrameLight:
    """How bright the scene is in a frame, over what the plate shows of it.

    Attributes:
        gain: [3, 3] of each channel: at the middle, and its change to the right and bottom edge.
        offset: [3] grey levels.
    """

    gain: np.ndarray
    offset: np.ndarray

    def of(self, plate: np.ndarray, at: tuple[slice, slice]) -> np.ndarray:
        """[h, w, 3] float32, a part of a plate [H, W, 3] uint8 in this light."""
        return np.asarray(plate[at] * self._gain(plate, at) + self.offset.astype(np.float32))

    def taken_out(self, image: np.ndarray, rows: slice = slice(None)) -> np.ndarray:
        """[h, W, 3] uint8, rows of a picture [H, W, 3] in the light of the plate."""
        gain = self._gain(image, (rows, slice(None)))
        found = (image[rows] - self.offset.astype(np.float32)) / gain.clip(0.1)
        return np.asarray((found.clip(0, 255) + 0.5).astype(np.uint8))

    def _gain(self, image: np.ndarray, at: tuple[slice, slice]) -> np.ndarray:
        """[h, w, 3] of a part of a picture [H, W, 3]."""
        height, width = image.shape[:2]
        y = np.linspace(-1, 1, height, dtype=np.float32)[at[0], None, None]
        x = np.linspace(-1, 1, width, dtype=np.float32)[None, at[1], None]
        g = self.gain.astype(np.float32)
        return np.asarray(g[:, 0] + x * g[:, 1] + y * g[:, 2])


def frame_light(image: np.ndarray, plate: np.ndarray, free: np.ndarray) -> FrameLight:
    """The light of a frame from the scene that it shows, shadows and passers-by left aside.

    Args:
        image: [H, W, 3] uint8.
        plate: [H, W, 3] uint8.
        free: [H, W] bool, where the picture shows the scene.
    """
    some = (slice(None, None, _LIGHT_STEP),) * 2
    inside = free[some] & (image[some].max(-1) < 250) & (plate[some].max(-1) < 250)
    y, x = (np.linspace(-1, 1, n)[::_LIGHT_STEP] for n in image.shape[:2])
    across, down = (v[inside] for v in np.meshgrid(x, y))
    gain, offset = np.tile([1.0, 0.0, 0.0], (3, 1)), np.zeros(3)
    for channel in range(3):
        seen = image[some][..., channel][inside].astype(np.float64)
        empty = plate[some][..., channel][inside].astype(np.float64)
        if len(seen) < 100:
            return FrameLight(gain, offset)
        parts = np.stack([empty, empty * across, empty * down, np.full_like(empty, 255.0)], 1)
        # what little was seen of the scene shall not be carried far beyond
        pull = len(seen) * np.array([1e-3, 1.0, 1.0, 1e-1]) * 10.0
        usual = np.array([1.0, 0.0, 0.0, 0.0])
        found = usual
        for _ in range(4):
            off = np.abs(seen - parts @ found)
            spread = 1.5 * np.median(off) + 1.0
            weight = 1 / (1 + (off / (2 * spread)) ** 2) ** 2
            normal = (parts * weight[:, None]).T @ parts + np.diag(pull)
            found = np.linalg.solve(normal, (parts * weight[:, None]).T @ seen + pull * usual)
        gain[channel], offset[channel] = found[:3], 255.0 * found[3]
    return FrameLight(gain, offset)
