"""Where a motion is shown: a floor with lines, and a camera that goes along with the person."""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image, ImageDraw

from avatar_kit.scene import Camera, Motion
from avatar_kit.scene.skeleton import body_positions

#: Pictures are drawn so many times larger and made smaller.
FINE = 2

#: Where the camera is from the person, metres, and its focal length over the height of the picture.
_EYE, _LOOK, _FOCAL = np.array([1.4, 1.3, 3.6]), np.array([0.0, 0.9, 0.0]), 1.7

PAPER, SHADOW = (250, 250, 248), (226, 229, 232)
LEFT, RIGHT, MIDDLE = (38, 110, 190), (214, 110, 40), (90, 98, 108)
_GRID = (214, 218, 222)

#: Metres from the middle to the last line of the floor, and between lines.
_REACH, _STEP = 2.0, 0.5


def floor_points(motion: Motion, floor: float | None = None) -> np.ndarray:
    """[T, 3] the point of the floor that the camera follows, metres.

    Args:
        motion: The motion, whose way is averaged over two seconds.
        floor: Height of the floor; None: below the joints of the feet.
    """
    if floor is None:
        lowest = body_positions(motion)[..., 1].amin(1).numpy()
        floor = float(np.quantile(lowest, 0.05)) - 0.05
    reach = max(1, round(motion.fps))
    padded = np.pad(motion.transl[:, [0, 2]].numpy(), ((reach, reach), (0, 0)), mode="edge")
    kernel = np.ones(2 * reach + 1) / (2 * reach + 1)
    x, z = (np.convolve(padded[:, i], kernel, "valid") for i in (0, 1))
    return np.stack([x, np.full_like(x, floor), z], 1)


class Stage:
    """A picture with the floor, seen from ahead and a little from the left of who faces +z.

    Args:
        at: [3] the point of the floor in the middle, metres.
        size: Width and height of the picture.

    Attributes:
        canvas: The picture, ``FINE`` times as large.
        scale: Lengths in the picture, as a multiple of those in one 640 pixels high.
    """

    def __init__(self, at: np.ndarray, size: tuple[int, int]):
        self.at, self._size = at, size
        width, height = (FINE * side for side in size)
        self.scale = height / 640
        self.camera = Camera.look_at(
            tuple(at + _EYE),
            tuple(at + _LOOK),
            width=width,
            height=height,
            fov_y=2 * math.degrees(math.atan(0.5 / _FOCAL)),
        )
        self.canvas = Image.new("RGB", (width, height), PAPER)
        self._draw_floor()

    def seen(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels [N, 2] of points [N, 3] in the world, and metres [N] ahead of the camera."""
        pixels, depth = self.camera.project(torch.from_numpy(points).float()[None])
        return pixels[0].numpy(), depth[0].numpy()

    def finished(self) -> Image.Image:
        """The picture in its own size."""
        return self.canvas.resize(self._size, Image.Resampling.LANCZOS)

    def _draw_floor(self) -> None:
        """Lines fixed in the world."""
        draw = ImageDraw.Draw(self.canvas)
        for axis in (0, 2):
            first = np.ceil((self.at[axis] - _REACH) / _STEP) * _STEP
            for value in np.arange(first, self.at[axis] + _REACH, _STEP):
                ends = np.stack([self.at, self.at])
                ends[:, axis] = value
                ends[:, 2 - axis] = self.at[2 - axis] - _REACH, self.at[2 - axis] + _REACH
                draw.line([tuple(p) for p in self.seen(ends)[0]], _GRID, FINE)
