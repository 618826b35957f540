"""Frames of a video with the body that was fitted, for the quality sheet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from avatar_kit.graphics import rasterize
from avatar_kit.surface import covering
from avatar_kit.tracking.fitted import FittedVideo

#: Longest side in pixels of the picture that a look is made of.
LOOK_SIDE = 1920


@dataclass(frozen=True)
class Look:
    """A frame that the sheet shows.

    Attributes:
        frame: Its number in the capture.
        video: Number of the video it is of, from 0.
        place: Its number among the frames that are kept of the video.
        smaller: How many times smaller than the video's the pictures are.
        image: [H, W, 3] uint8.
        mask: [H, W] uint8.
        shade: [H, W] of :func:`shaded_body`.
    """

    frame: int
    video: int
    place: int
    smaller: int
    image: np.ndarray
    mask: np.ndarray
    shade: np.ndarray

    @classmethod
    def of(
        cls, fitted: FittedVideo, at: tuple[int, int, int], image: np.ndarray, mask: np.ndarray
    ) -> Look:
        """A look small enough for many of them to be kept.

        Args:
            fitted: The video.
            at: Frame of the capture, number of the video, and place among its frames.
            image: [H, W, 3] uint8.
            mask: [H, W] uint8.
        """
        smaller = -(-max(mask.shape) // LOOK_SIDE)
        image, mask = (np.asarray(Image.fromarray(a).reduce(smaller)) for a in (image, mask))
        height, width = mask.shape
        return cls(*at, smaller, image, mask, shaded_body(fitted, at[2], width, height))


@torch.no_grad()
def shaded_body(fitted: FittedVideo, frame: int, width: int, height: int) -> np.ndarray:
    """[height, width] shade of the fitted body in [0, 1]; -1 where it is not."""
    body, fit, camera = fitted.body, fitted.fit, fitted.camera.resized(width, height)
    posed = body(body.from_motion(fit.motion[[frame]], fit.shape))
    triangle = rasterize(posed.vertices, posed.topology.faces, camera).triangle[0]
    corners = posed.vertices[0][posed.topology.faces]
    normal = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    towards = -(normal @ camera.R[0, 2]) / normal.norm(dim=1).clamp(min=1e-12)
    shade = (0.35 + 0.65 * towards.clamp(0, 1))[triangle.clamp(min=0)]
    return torch.where(triangle >= 0, shade, -torch.ones(())).numpy()


@torch.no_grad()
def covered_by(fitted: FittedVideo, frame: int, mask: np.ndarray) -> torch.Tensor:
    """[V] how much a frame shows of each vertex, by its mask [h, w] uint8 of any size."""
    height, width = mask.shape
    body, fit, camera = fitted.body, fitted.fit, fitted.camera.resized(width, height)
    posed = body(body.from_motion(fit.motion[[frame]], fit.shape))
    person = torch.from_numpy(mask).float()[None, None] / 255
    return covering(posed, camera, person)
