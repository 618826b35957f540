"""Drive a trained avatar with a motion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from avatar_kit.engine.device import autocast
from avatar_kit.engine.frames import PosedFrames
from avatar_kit.engine.loaded import LoadedAvatar
from avatar_kit.engine.preview import to_uint8
from avatar_kit.engine.viewpoint import before_own_camera
from avatar_kit.io.video import VideoWriter
from avatar_kit.scene import Camera, Motion


def place(loaded: LoadedAvatar, motion: Motion, training: Motion, *, in_place: bool) -> Motion:
    """Bring a driving motion to where the avatar was seen.

    The pelvis of the first frame goes over the middle of the training positions, and the feet stand
    on the training floor. Nothing else of the motion changes.

    Args:
        loaded: The avatar.
        motion: The driving motion, in a world of its own.
        training: The avatar's training poses.
        in_place: Also keep the pelvis over that point, so that the avatar cannot walk out of view.
    """
    here = training.transl.median(dim=0).values
    offset = here - motion.transl[0]
    transl = motion.transl + offset
    if in_place:
        transl[:, [0, 2]] = here[[0, 2]]
    moved = replace(motion, transl=transl)
    # the fifth percentile is the floor: lower frames are noise, higher ones are jumps
    floor = _lowest(loaded, training).quantile(0.05) - _lowest(loaded, moved).quantile(0.05)
    return replace(moved, transl=transl + torch.tensor([0.0, 1.0, 0.0]) * floor)


@torch.no_grad()
def _lowest(loaded: LoadedAvatar, motion: Motion, frames: int = 200) -> Tensor:
    """Height of the lowest key point in metres, of at most ``frames`` frames."""
    chosen = torch.linspace(0, len(motion) - 1, min(frames, len(motion))).long()
    body, shape = loaded.avatar.body, loaded.avatar.shape
    parameters = body.from_motion(motion[chosen].to(shape.device), shape)
    return body.keypoints(parameters)[..., 1].amin(1).cpu()


@torch.no_grad()
def render_motion(
    loaded: LoadedAvatar, motion: Motion, cameras: Camera | None = None
) -> Iterator[Tensor]:
    """Rendered frames [3, H, W] in [0, 1], one by one.

    Args:
        loaded: The avatar.
        motion: A placed motion, at any frame rate.
        cameras: One camera a frame; None: the camera of the training. Before an avatar that paints
            its background the person moves instead (``Renderer.camera_moves``).
    """
    avatar, own = loaded.avatar, loaded.subject.camera.to(loaded.device)
    path = (own if cameras is None else cameras.to(loaded.device)).expand(len(motion))
    posed = PosedFrames(avatar.body, motion, avatar.shape)
    for frame in range(len(motion)):
        before = max(0, frame - 1)
        context = posed.context([frame], [before], path.at(frame), [-1])
        if cameras is not None and not avatar.renderer.camera_moves:
            context = before_own_camera(context, path.at(before), own)
        with autocast(loaded.device, loaded.config.precision):
            rgb = avatar(context).rgb
        yield rgb[0].float().clamp(0, 1)


def write_motion_video(
    loaded: LoadedAvatar, motion: Motion, out: Path, cameras: Camera | None = None
) -> Iterator[int]:
    """Render a placed motion into a video file, whole or not at all; yields frames done."""
    camera = loaded.subject.camera
    with VideoWriter(out, motion.fps, (camera.width, camera.height)) as video:
        for done, picture in enumerate(render_motion(loaded, motion, cameras), start=1):
            video.write(to_uint8(picture))
            yield done
