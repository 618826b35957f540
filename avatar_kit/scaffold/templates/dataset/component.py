"""The dataset: makes a capture, or reads one from your files."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import numpy as np
import torch
from avatar_kit_myplugin.config import MyPluginConfig
from torch import Tensor

from avatar_kit.capture import Capture, CaptureWriter, open_capture
from avatar_kit.graphics import interpolate, rasterize
from avatar_kit.interfaces import Dataset
from avatar_kit.io.cache import cache_dir
from avatar_kit.registry import catalog
from avatar_kit.scene import Camera, Motion

#: Counts up with every change of what is made; a new version is a new cache entry.
VERSION = 1


class MyPlugin(Dataset):
    """Films the default body once and keeps the capture in the cache."""

    config: MyPluginConfig

    def open(self, size: int | None = None) -> Capture:
        """The capture of these options; made on first use."""
        size = self.config.size or size or 256
        options = f"{VERSION} {size} {self.config.model_dump_json()}"
        folder = cache_dir("myplugin") / hashlib.sha256(options.encode()).hexdigest()[:16]
        return open_capture(folder) if folder.exists() else self._film(folder, size)

    @torch.no_grad()
    def _film(self, folder: Path, size: int) -> Capture:
        name = catalog().default("body")
        component = catalog().get("body", name)
        body = component.load()(component.config.model_validate({"type": name})).eval()
        train, total = self.config.frames, self.config.frames + self.config.test_frames
        motion, shape = turntable(train, total), body.default_shape()
        parameters = body.from_motion(motion, shape)
        camera = Camera.look_at((0, 1, 3.6), (0, 0.95, 0), width=size, height=size, fov_y=33)
        with CaptureWriter(
            folder,
            name="myplugin",
            fps=motion.fps,
            body=name,
            shape=dict(zip(body.shape_names, shape.tolist(), strict=True)),
            cameras=camera,
        ) as writer:
            for frame in range(total):
                posed = body(parameters[frame])
                fragments = rasterize(posed.vertices, posed.topology.faces, camera)
                colours = 0.5 + 0.4 * interpolate(posed.normals, posed.topology.faces, fragments)
                mask = fragments.mask
                writer.add(to_bytes(colours * mask + 0.8 * (1 - mask)), to_bytes(mask)[..., 0])
            return writer.finish(
                motion=motion,
                splits={"train": range(train), "test": range(train, total)},
                clips=[(0, train), (train, total)],
                provenance={"made": {"by": "myplugin", "version": VERSION}},
            )


def turntable(train: int, total: int) -> Motion:
    """Arms down; one turn in ``train`` frames, then on from there."""
    pose = torch.zeros(total, 21, 3)
    pose[:, 15, 2], pose[:, 16, 2] = -1.1, 1.1
    turn = torch.zeros(total, 3)
    turn[:, 1] = torch.arange(total) * (2 * math.pi / train)
    place = torch.tensor([0.0, 0.95, 0.0]).repeat(total, 1)
    return Motion.rest(total, 25.0, body_pose=pose.flatten(1), global_orient=turn, transl=place)


def to_bytes(picture: Tensor) -> np.ndarray:
    """[1, C, H, W] in [0, 1] to [H, W, C] uint8."""
    scaled = (picture[0].clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(scaled.permute(1, 2, 0).numpy())
