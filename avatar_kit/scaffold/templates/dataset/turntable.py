"""A folder to try the dataset with: the default body on a turntable, coloured by its normals."""

from __future__ import annotations

import json
import math
import os
import shutil
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from avatar_kit.graphics import interpolate, rasterize
from avatar_kit.io import save_motion
from avatar_kit.io.cache import cache_dir
from avatar_kit.registry import catalog
from avatar_kit.scene import Camera, Motion

#: Counts up with every change of what is filmed; a new version is a new folder.
VERSION = 1
FRAMES = 40


def filmed(size: int) -> Path:
    """The folder in the cache; filmed on first use, whole or not at all."""
    folder = cache_dir("myplugin") / f"turntable-{VERSION}-{size}"
    if not folder.exists():
        partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
        try:
            film(partial, size)
            os.replace(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return folder


@torch.no_grad()
def film(folder: Path, size: int) -> None:
    """Pictures, masks, camera and motion of one turn."""
    component = catalog().get("body", catalog().default("body"))
    body = component.load()(component.config.model_validate({"type": component.name})).eval()
    motion = turntable(FRAMES)
    parameters = body.from_motion(motion, body.default_shape())
    camera = Camera.look_at((0, 1, 3.6), (0, 0.95, 0), width=size, height=size, fov_y=33)
    for name in ("pictures", "masks"):
        (folder / name).mkdir(parents=True)
    for frame in range(FRAMES):
        posed = body(parameters[frame])
        fragments = rasterize(posed.vertices, posed.topology.faces, camera)
        colours = 0.5 + 0.4 * interpolate(posed.normals, posed.topology.faces, fragments)
        mask = fragments.mask
        for name, picture in (
            ("pictures", to_bytes(colours * mask + 0.8 * (1 - mask))),
            ("masks", to_bytes(mask)[..., 0]),
        ):
            Image.fromarray(picture).save(folder / name / f"{frame:04d}.png")
    about = {key: getattr(camera, key)[0].tolist() for key in ("K", "R", "t")}
    (folder / "camera.json").write_text(json.dumps(about))
    save_motion(folder / "motion.npz", motion)


def turntable(frames: int) -> Motion:
    """Arms down; one turn in 32 frames, then on from there."""
    pose = torch.zeros(frames, 21, 3)
    pose[:, 15, 2], pose[:, 16, 2] = -1.1, 1.1
    turn = torch.zeros(frames, 3)
    turn[:, 1] = torch.arange(frames) * (2 * math.pi / 32)
    place = torch.tensor([0.0, 0.95, 0.0]).repeat(frames, 1)
    return Motion.rest(frames, 25.0, body_pose=pose.flatten(1), global_orient=turn, transl=place)


def to_bytes(picture: Tensor) -> np.ndarray:
    """[1, C, H, W] in [0, 1] to [H, W, C] uint8."""
    scaled = (picture[0].clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(scaled.permute(1, 2, 0).numpy())
