"""A picture that shows whether cameras, poses and masks belong together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from avatar_kit.capture import Capture
from avatar_kit.graphics import rasterize
from avatar_kit.interfaces import Body
from avatar_kit.io import write_image
from avatar_kit.scene.joints import BODY_KEYPOINTS

#: Cameras from left to right, frames from top to bottom, height of one picture in pixels.
_CAMERAS, _FRAMES, _HEIGHT = 4, 3, 400

_BODY, _OUTLINE, _JOINT = (255, 0, 200), (0, 255, 120), (255, 230, 0)

_BONES = (
    *(("nose", "left_eye"), ("nose", "right_eye"), ("left_eye", "left_ear")),
    *(("right_eye", "right_ear"), ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")),
    *(
        (f"{side}_{a}", f"{side}_{b}")
        for side in ("left", "right")
        for a, b in (
            *(("shoulder", "elbow"), ("elbow", "wrist"), ("shoulder", "hip"), ("hip", "knee")),
            *(("knee", "ankle"), ("ankle", "heel"), ("ankle", "big_toe")),
        )
    ),
)


@torch.no_grad()
def write_overlay(path: Path, capture: Capture, body: Body) -> None:
    """Pictures of some cameras and frames, with body, mask and joints drawn over them.

    Args:
        path: Where the picture is written, whole or not at all.
        capture: The capture.
        body: Its body.
    """
    shape, names = body.shape_vector(capture.shape), list(capture.cameras)[:_CAMERAS]
    columns = []
    for name in names:
        recorded = capture.frames_of(name)
        chosen = [recorded[round(i)] for i in np.linspace(0, len(recorded) - 1, _FRAMES)]
        parameters = body.from_motion(capture.motion[chosen], shape)
        posed, points = body(parameters).vertices, body.keypoints(parameters)[:, :23]
        pairs = zip(capture.images(chosen, name), capture.masks(chosen, name), strict=True)
        tiles = []
        for i, (frame, (image, mask)) in enumerate(zip(chosen, pairs, strict=True)):
            camera = capture.cameras[name]
            camera = camera[frame] if len(camera) > 1 else camera
            scale = _HEIGHT / camera.height
            size = (round(camera.width * scale), _HEIGHT)
            small = camera.crop_resize(0, 0, (size[0] / camera.width, scale), *size)
            surface = rasterize(posed[[i]], body.topology.faces, small).mask[0, 0].numpy() > 0
            tile = _tinted(_resized(image, size), surface, _resized(mask, size) > 127)
            _draw(tile, small.project(points[[i]])[0][0].numpy(), f"{name}  {frame}")
            tiles.append(np.asarray(tile))
        columns.append(np.concatenate(tiles))
    write_image(path, np.concatenate(columns, 1))


def _resized(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(Image.fromarray(array).resize(size))


def _tinted(image: np.ndarray, surface: np.ndarray, mask: np.ndarray) -> Image.Image:
    """The picture, the body tinted over it, the mask outlined."""
    found = image.astype(float)
    found[surface] = 0.6 * found[surface] + 0.4 * np.array(_BODY)
    inner = mask.copy()
    for axis in (0, 1):
        for shift in (1, -1):
            inner &= np.roll(mask, shift, axis)
    found[mask & ~inner] = _OUTLINE
    return Image.fromarray(found.round().astype(np.uint8))


def _draw(tile: Image.Image, points: np.ndarray, caption: str) -> None:
    draw = ImageDraw.Draw(tile)
    at = dict(zip(BODY_KEYPOINTS, points.tolist(), strict=True))
    for a, b in _BONES:
        draw.line([*at[a], *at[b]], fill=_JOINT, width=1)
    for x, y in points:
        draw.ellipse([x - 2, y - 2, x + 2, y + 2], fill=_JOINT)
    draw.rectangle([0, 0, 8 + 7 * len(caption), 14], fill=(0, 0, 0))
    draw.text((4, 2), caption, fill=(255, 255, 255))
