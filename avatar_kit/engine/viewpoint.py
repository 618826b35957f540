"""Cameras that leave the place the avatar was recorded from."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import roma
import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from avatar_kit.errors import UserError
from avatar_kit.io.documents import read_json, validated
from avatar_kit.scene import Camera, FrameContext, Motion, PosedBody, stack_cameras
from avatar_kit.scene.camera import intrinsics

#: Of a world that holds a person.
_Metres = Annotated[float, Field(ge=-10_000, le=10_000)]


def orbit(camera: Camera, centre: Tensor, degrees: float, frames: int) -> Camera:
    """Cameras on a circle around the vertical axis through a point, at an even pace.

    The first is ``camera``; one after the last would have gone around by ``degrees``, so that a
    full turn loops without a halt.

    Args:
        camera: One camera.
        centre: [3] world metres.
        degrees: Counter-clockwise seen from above; may be negative or more than a turn.
        frames: How many.
    """
    angle = torch.arange(frames) * (math.radians(degrees) / frames)
    cosine, sine, zero, one = angle.cos(), angle.sin(), 0 * angle, 0 * angle + 1
    # The world turns the other way before a camera that stays.
    turn = torch.stack([cosine, zero, -sine, zero, one, zero, sine, zero, cosine], dim=-1)
    turn = turn.unflatten(-1, (3, 3)).to(camera.R)
    shift = centre.to(turn) - turn @ centre.to(turn)
    return Camera(
        camera.K.expand(frames, 3, 3),
        camera.R @ turn,
        (camera.R @ shift[..., None])[..., 0] + camera.t,
        camera.width,
        camera.height,
    )


def read_camera_path(
    path: Path, camera: Camera, origin: Tensor, frames: int, fps: float
) -> tuple[Camera, bool]:
    """Cameras from a file of keys, linear in between and still before the first and after the last.

    The file is JSON: ``{"keys": [{"time": 0, "eye": [0, 0.2, 3.5], "target": [0, 0, 0]}, ...]}``
    with times in seconds and positions in metres from the person's pelvis in the first frame, y up,
    and optionally ``"fov_y"``, a vertical field of view in degrees instead of the recording's.

    Args:
        path: The file.
        camera: The recording camera; gives the picture's size and, without ``fov_y``, the lens.
        origin: [3] the pelvis in the first frame, world metres.
        frames: How many cameras.
        fps: How many of them a second.

    Returns:
        The cameras, and whether their lens is another than the recording's.

    Raises:
        UserError: The file is not what is described above; says where.
    """
    times, places, fov_y = _read_keys(path)
    eyes, targets = (torch.tensor(p, dtype=torch.float32) for p in zip(*places, strict=True))
    K = camera.K[0].cpu()
    if fov_y is not None:
        K = intrinsics(camera.width, camera.height, fov_y)
    cameras = []
    for frame in range(frames):
        eye = _between(times, eyes, frame / fps) + origin.cpu()
        target = _between(times, targets, frame / fps) + origin.cpu()
        if float((eye - target)[[0, 2]].norm()) < 1e-6:
            raise UserError(
                f"{path}: at {frame / fps:.2f} s the camera looks straight up or down, or eye "
                "and target are the same point; move one of them aside"
            )
        at = Camera.look_at(
            tuple(eye.tolist()),
            tuple(target.tolist()),
            width=camera.width,
            height=camera.height,
            fov_y=40.0,
        )
        cameras.append(replace(at, K=K[None]))
    return stack_cameras(cameras).to(camera.device), fov_y is not None


def before_own_camera(context: FrameContext, earlier: Camera, own: Camera) -> FrameContext:
    """The same view of the person from a camera that stays: the person moves instead.

    For avatars that paint the background of the one camera they were recorded with.

    Args:
        context: Frames with the cameras that should see them.
        earlier: The cameras of the frames before.
        own: The camera that stays; its lens must be theirs.
    """
    return replace(
        context,
        body=moved(context.body, context.camera, own),
        previous=moved(context.previous, earlier, own),
        motion=moved_motion(context.motion, context.camera, own),
        camera=own.expand(len(context)),
    )


def moved(body: PosedBody, seen_by: Camera, own: Camera) -> PosedBody:
    """Bodies carried to where ``own`` sees them as ``seen_by`` sees them now."""
    turn, shift = _carry(seen_by, own)
    rigid = torch.eye(4).to(turn).expand(len(turn), 4, 4).clone()
    rigid[:, :3, :3], rigid[:, :3, 3] = turn, shift
    return PosedBody(
        body.vertices @ turn.mT + shift[:, None],
        body.joints @ turn.mT + shift[:, None],
        rigid[:, None] @ body.bone_transforms,
        body.hands @ turn[:, None].mT + shift[:, None, None],
        body.topology,
    )


def moved_motion(motion: Motion, seen_by: Camera, own: Camera) -> Motion:
    """The motion of bodies that were :func:`moved`."""
    turn, shift = _carry(seen_by, own)
    orient = turn @ roma.rotvec_to_rotmat(motion.global_orient)
    return replace(
        motion,
        transl=(turn @ motion.transl[..., None])[..., 0] + shift,
        global_orient=roma.rotmat_to_rotvec(orient),
    )


def _carry(seen_by: Camera, own: Camera) -> tuple[Tensor, Tensor]:
    """Rotation [B, 3, 3] and shift [B, 3] that carry bodies as :func:`moved` does."""
    turn = own.R.mT @ seen_by.R
    return turn, (own.R.mT @ (seen_by.t - own.t)[..., None])[..., 0]


def _between(times: list[float], values: Tensor, time: float) -> Tensor:
    """[3] the keys' value at a time."""
    after = next((i for i, t in enumerate(times) if t > time), len(times))
    if after in (0, len(times)):
        return values[min(after, len(times) - 1)]
    share = (time - times[after - 1]) / (times[after] - times[after - 1])
    return torch.lerp(values[after - 1], values[after], share)


class _Key(BaseModel):
    """Where the camera is at a time, and what it looks at."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    time: float = Field(ge=-1e6, le=1e6)
    eye: tuple[_Metres, _Metres, _Metres]
    target: tuple[_Metres, _Metres, _Metres]


class _CameraPath(BaseModel):
    """The file that :func:`camera_path` reads."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    keys: list[_Key] = Field(min_length=1)
    fov_y: float | None = Field(default=None, ge=1, le=170)

    @model_validator(mode="after")
    def _times_rise(self) -> _CameraPath:
        if any(b.time <= a.time for a, b in itertools.pairwise(self.keys)):
            raise ValueError("keys: the times of the keys must increase")
        return self


def _read_keys(path: Path) -> tuple[list[float], list[tuple[Any, Any]], float | None]:
    """Times, (eye, target) of each key, and the field of view."""
    values = read_json(path, what="camera path")
    read = validated(
        _CameraPath, values, path, 'expected {"keys": [{"time", "eye", "target"}, ...], "fov_y"}'
    )
    return [k.time for k in read.keys], [(k.eye, k.target) for k in read.keys], read.fov_y
