"""Which cameras see an avatar that is driven."""

from __future__ import annotations

from pathlib import Path

import torch

from avatar_kit.engine.loaded import LoadedAvatar
from avatar_kit.engine.viewpoint import orbit, read_camera_path
from avatar_kit.errors import UserError
from avatar_kit.scene import Camera, Motion


def orbit_around(loaded: LoadedAvatar, motion: Motion, degrees: float) -> Camera:
    """Cameras that go around the middle of a placed motion; see :func:`orbit`."""
    centre = motion.transl.median(dim=0).values
    return orbit(loaded.subject.camera, centre, degrees, len(motion))


def along_path(loaded: LoadedAvatar, motion: Motion, path: Path) -> Camera:
    """Cameras that follow a file through a placed motion; see :func:`read_camera_path`.

    Raises:
        UserError: The file does not fit, or wants another lens before an avatar that paints its
            background.
    """
    found, other_lens = read_camera_path(
        path, loaded.subject.camera, motion.transl[0], len(motion), motion.fps
    )
    if other_lens and not loaded.avatar.renderer.camera_moves:
        raise UserError(
            f"{path}: fov_y: method '{loaded.config.type}' paints the background of one camera, "
            "so its lens cannot change; remove fov_y"
        )
    return found


def check_cameras(loaded: LoadedAvatar, cameras: Camera, frames: int) -> None:
    """Refuse cameras of one's own that cannot see a motion.

    Args:
        loaded: The avatar.
        cameras: The cameras.
        frames: How many frames they shall see.

    Raises:
        UserError: They are neither one nor one a frame; the renderer draws no pictures of their
            size; or before an avatar that paints its background their size or lens is another
            than the recording's.
    """
    if len(cameras) not in (1, frames):
        raise UserError(
            f"camera: {len(cameras)} cameras for {frames} frames; give one camera, or one for "
            "each frame"
        )
    own, renderer = loaded.subject.camera, loaded.avatar.renderer
    same = (cameras.width, cameras.height) == (own.width, own.height)
    if renderer.camera_moves:
        if not same:
            renderer.check_size(cameras.width, cameras.height)
    elif not same or not torch.allclose(cameras.K.to(own.K), own.K, rtol=1e-4):
        raise UserError(
            f"camera: method '{loaded.config.type}' paints the background of one camera, so size "
            f"and lens cannot change: use the K of the avatar's own camera, {own.width} wide and "
            f"{own.height} high"
        )
