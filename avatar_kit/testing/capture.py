"""A capture that takes a second to make: the default body, coloured by its normals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from avatar_kit.capture import Capture, CaptureWriter
from avatar_kit.graphics import interpolate, rasterize
from avatar_kit.interfaces import Body
from avatar_kit.registry import catalog
from avatar_kit.scene import Camera
from avatar_kit.testing.poses import swaying_motion


def default_body() -> tuple[str, Body]:
    """Name of the default body, and the body.

    Raises:
        UserError: No plugin offers one.
    """
    name = catalog().default("body")
    component = catalog().get("body", name)
    body = component.load()(component.config.model_validate({"type": name}))
    return name, body.eval().requires_grad_(False)


@torch.no_grad()
def small_capture(root: Path, *, frames: int = 8, test_frames: int = 4, size: int = 64) -> Capture:
    """Film the default body in front of an even wall.

    Args:
        root: Where the capture shall be.
        frames: Frames of the split ``train``.
        test_frames: Frames of the split ``test``, a clip of its own.
        size: Width and height in pixels.
    """
    name, body = default_body()
    total, shape = frames + test_frames, body.default_shape()
    motion = swaying_motion(total)
    camera = Camera.look_at((0.2, 1.0, 3.6), (0, 0.95, 0), width=size, height=size, fov_y=33)
    parameters = body.from_motion(motion, shape)
    values = dict(zip(body.shape_names, shape.tolist(), strict=True))
    with CaptureWriter(
        root,
        name="normals",
        fps=motion.fps,
        width=size,
        height=size,
        body=name,
        shape=values,
        camera=camera,
        images="png",
    ) as writer:
        for i in range(total):
            posed = body(parameters.at([i]))
            fragments = rasterize(posed.vertices, posed.topology.faces, camera)
            normals = interpolate(posed.normals, posed.topology.faces, fragments)
            picture = (0.5 + 0.4 * normals) * fragments.mask + 0.8 * (1 - fragments.mask)
            writer.add(_bytes(picture[0]), _bytes(fragments.mask[0])[..., 0])
        return writer.finish(
            motion=motion,
            splits={"train": range(frames), "test": range(frames, total)},
            clips=[(0, frames), (frames, total)],
            provenance={"made": {"by": "avatar_kit.testing"}},
        )


def _bytes(picture: Tensor) -> np.ndarray:
    scaled = (picture.clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(scaled.permute(1, 2, 0).numpy())
