"""A capture that takes a second to make: the default body, coloured by its normals."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from avatar_kit.capture import Capture, CaptureWriter, Split
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
def small_capture(
    root: Path,
    *,
    frames: int = 8,
    test_frames: int = 4,
    size: int = 64,
    cameras: int = 1,
    held_out_camera: bool = False,
    of: tuple[str, Body] | None = None,
) -> Capture:
    """Film a body in front of an even wall.

    Args:
        root: Where the capture shall be.
        frames: Frames of the split ``train``.
        test_frames: Frames of the split ``test``, a clip of its own.
        size: Width and height in pixels.
        cameras: How many cameras stand around the person.
        held_out_camera: Whether the last of them takes no part in the training: it then sees the
            split ``novel_view``, the training frames.
        of: Name of a body, and the body; None: the default one.
    """
    name, body = of or default_body()
    total, shape = frames + test_frames, body.default_shape()
    motion = swaying_motion(total)
    placed = _around(cameras, size)
    parameters = body.from_motion(motion, shape)
    values = dict(zip(body.shape_names, shape.tolist(), strict=True))
    with CaptureWriter(
        root,
        name="normals",
        fps=motion.fps,
        body=name,
        shape=values,
        cameras=placed,
        images="png",
    ) as writer:
        for i in range(total):
            posed = body(parameters[i])
            for camera_name, camera in placed.items():
                fragments = rasterize(posed.vertices, posed.topology.faces, camera)
                normals = interpolate(posed.normals, posed.topology.faces, fragments)
                picture = (0.5 + 0.4 * normals) * fragments.mask + 0.8 * (1 - fragments.mask)
                mask = _bytes(fragments.mask[0])[..., 0]
                writer.add(_bytes(picture[0]), mask, camera_name)
        names = tuple(placed)
        recording = names[:-1] if held_out_camera else names
        splits = {
            "train": Split(tuple(range(frames)), recording),
            "test": Split(tuple(range(frames, total)), recording),
        }
        if held_out_camera:
            splits["novel_view"] = Split(tuple(range(frames)), names[-1:])
        return writer.finish(
            motion=motion,
            splits=splits if cameras > 1 else {n: s.frames for n, s in splits.items()},
            clips=[(0, frames), (frames, total)],
            provenance={"made": {"by": "avatar_kit.testing"}},
        )


def _around(count: int, size: int) -> dict[str, Camera]:
    """Cameras on a circle around the person; one alone is called "main"."""
    first = math.radians(3)
    angles = [first + 2 * math.pi * i / count for i in range(count)]
    named = ["main"] if count == 1 else [f"cam{i}" for i in range(count)]
    return {
        name: Camera.look_at(
            (3.6 * math.sin(angle), 1.0, 3.6 * math.cos(angle)),
            (0, 0.95, 0),
            width=size,
            height=size,
            fov_y=33,
        )
        for name, angle in zip(named, angles, strict=True)
    }


def _bytes(picture: Tensor) -> np.ndarray:
    scaled = (picture.clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(scaled.permute(1, 2, 0).numpy())
