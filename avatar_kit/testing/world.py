"""A small world for the checks: a ball with two hands in front of a camera, or of several.

It needs no body model, so an encoder or a renderer is checked by itself.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from avatar_kit.interfaces import Batch, Setup
from avatar_kit.scene import (
    Camera,
    FrameContext,
    Motion,
    Plate,
    PosedBody,
    RestBody,
    Topology,
    stack_cameras,
)
from avatar_kit.testing.poses import cast, swaying_motion

#: Frames of the world, all of them training frames.
FRAMES = 4
SIZE = 64

#: Metres from the ball's centre to its surface.
RADIUS = 0.6

_RINGS, _SECTORS = 12, 16


def ball() -> tuple[Tensor, Tensor, Tensor]:
    """Vertices [V, 3] of radius 1, texture coordinates [V, 2], outward faces [F, 3]."""
    polar = torch.linspace(0, math.pi, _RINGS + 1)
    around = torch.linspace(0, 2 * math.pi, _SECTORS + 1)
    p, a = torch.meshgrid(polar, around, indexing="ij")
    points = torch.stack([p.sin() * a.sin(), p.cos(), p.sin() * a.cos()], -1).flatten(0, 1)
    uvs = torch.stack([a / (2 * math.pi), p / math.pi], -1).flatten(0, 1)
    first = (torch.arange(_RINGS)[:, None] * (_SECTORS + 1) + torch.arange(_SECTORS)).flatten()
    below = first + _SECTORS + 1
    upper = torch.stack([first, below, first + 1], -1)
    lower = torch.stack([first + 1, below, below + 1], -1)
    return points, uvs, torch.cat([upper, lower])


@functools.cache
def topology() -> Topology:
    """The ball's surface: a face on its upper front, a head above and a torso below."""
    points, uvs, faces = ball()
    centre = points[faces].mean(1)
    face_region = (centre[:, 2] > 0.4) & (centre[:, 1] > 0.2)
    parts = (points[:, 1] < 0).long()
    return Topology(faces, uvs, faces, face_region, parts, ("head", "torso"))


@functools.cache
def rest_body() -> RestBody:
    """The ball at rest, with one bone."""
    points, _, _ = ball()
    weights = torch.ones(len(points), 1)
    return RestBody(RADIUS * points, torch.eye(4)[None], weights, (-1,), ("root",), topology())


@functools.cache
def bodies() -> PosedBody:
    """The ball in :data:`FRAMES` places, a hand on each side."""
    points, _, _ = ball()
    phase = torch.arange(FRAMES, dtype=torch.float32)
    sway = torch.stack([0.3 * phase.sin(), 0.1 * phase.cos(), torch.zeros(FRAMES)], -1)
    hand = torch.zeros(21, 3)
    along, finger = torch.arange(20) % 4, torch.arange(20) // 4
    hand[1:, 0], hand[1:, 1] = 0.1 + 0.05 * along, 0.06 * finger
    left = hand + torch.tensor([0.7, 0.0, 0.0])
    right = left * torch.tensor([-1.0, 1.0, 1.0])
    hands = torch.stack([left, right]) + sway[:, None, None]
    bones = torch.eye(4).repeat(FRAMES, 1, 1, 1)
    bones[:, 0, :3, 3] = sway
    return PosedBody(RADIUS * points + sway[:, None], sway[:, None], bones, hands, topology())


def camera(width: int = SIZE, height: int = SIZE, *, degrees: float = 0.0) -> Camera:
    """A camera 4 m away from the ball, in front of it or around it by some degrees."""
    angle = math.radians(degrees)
    eye = (4 * math.sin(angle), 0.0, 4 * math.cos(angle))
    return Camera.look_at(eye, (0, 0, 0), width=width, height=height, fov_y=35)


def cameras(frames: Sequence[int], width: int = SIZE, height: int = SIZE) -> Camera:
    """A camera for each frame, each from another side."""
    return stack_cameras([camera(width, height, degrees=40.0 * f) for f in frames])


def plate(width: int = SIZE, height: int = SIZE) -> Plate:
    """The empty scene: a wall that gets brighter to the right."""
    ramp = torch.linspace(0.2, 0.8, width).expand(3, height, width)
    return Plate(ramp.clone(), camera(width, height))


def setup(width: int = SIZE, height: int = SIZE, *, with_plate: bool = True) -> Setup:
    """What encoders and renderers are told of this world."""
    plates = (plate(width, height),) if with_plate else ()
    return Setup(rest_body(), (camera(width, height),), FRAMES, plates, stand=(0.0, 0.0, 0.0))


def context(
    frames: Sequence[int],
    *,
    training: bool = False,
    width: int = SIZE,
    height: int = SIZE,
    moved: tuple[float, float, float] = (0.0, 0.0, 0.0),
    from_all_sides: bool = False,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
) -> FrameContext:
    """A fresh context of some frames.

    Args:
        frames: Which of :data:`FRAMES`.
        training: Whether they are training frames; else their index is -1.
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.
        moved: Offset of the ball in metres.
        from_all_sides: Whether each frame has a camera of its own.
        dtype: Of every real number.
        device: Where the tensors live.
    """
    chosen, before = list(frames), [max(0, f - 1) for f in frames]
    index = torch.tensor(chosen if training else [-1] * len(chosen), device=device)
    one = camera(width, height).expand(len(chosen))
    view = cameras(chosen, width, height) if from_all_sides else one
    K, R, t = (value.to(device, dtype) for value in (view.K, view.R, view.t))
    return FrameContext(
        body=_moved(chosen, moved, dtype).to(device),
        previous=_moved(before, moved, dtype).to(device),
        camera=Camera(K, R, t, width, height),
        motion=motion(chosen, dtype).to(device),
        time=torch.tensor(chosen, dtype=dtype, device=device) / 25,
        clip_start=torch.tensor(before, device=device) == torch.tensor(chosen, device=device),
        index=index,
    )


def motion(frames: Sequence[int], dtype: torch.dtype = torch.float32) -> Motion:
    """Poses of some frames: limbs and mouth move, with a face that is half seen."""
    return cast(swaying_motion(FRAMES)[list(frames)], dtype)


def batch(frames: Sequence[int], *, device: str = "cpu") -> Batch:
    """Training frames with pictures: a red ball before the wall of :func:`plate`."""
    seen = context(frames, training=True, device=device)
    mask = seen.fragments.mask
    red = torch.tensor([0.8, 0.2, 0.1], device=device)[:, None, None]
    return Batch(seen, mask * red + (1 - mask) * plate().picture.to(device), mask)


def _moved(frames: list[int], offset: tuple[float, float, float], dtype: torch.dtype) -> PosedBody:
    body, by = bodies()[frames], torch.tensor(offset)
    bones = body.bone_transforms.clone()
    bones[..., :3, 3] += by
    return PosedBody(
        (body.vertices + by).to(dtype),
        (body.joints + by).to(dtype),
        bones.to(dtype),
        (body.hands + by).to(dtype),
        body.topology,
    )
