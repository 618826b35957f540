"""Drive a trained avatar with a motion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from avatar_kit.engine.background import Background
from avatar_kit.engine.device import autocast
from avatar_kit.engine.floor import floor_height, lowest_points
from avatar_kit.engine.loaded import LoadedAvatar
from avatar_kit.engine.memory import elsewhere, enough_memory
from avatar_kit.engine.viewpoint import before_own_camera
from avatar_kit.interfaces.avatar import AvatarState
from avatar_kit.scene import Camera, FrameContext, Motion, PosedBody, RenderOutput

#: Frames of a motion that are expressed in the parameters of a body at once.
_AT_ONCE = 64


def place(loaded: LoadedAvatar, motion: Motion, *, in_place: bool) -> Motion:
    """Bring a driving motion to where the avatar was seen.

    The pelvis of the first frame goes over the middle of the training positions, and the feet stand
    on the training floor. Nothing else of the motion changes.

    Args:
        loaded: The avatar.
        motion: The driving motion, in a world of its own.
        in_place: Also keep the pelvis over that point, so that the avatar cannot walk out of view.
    """
    training = loaded.training_motion
    here = training.transl.median(dim=0).values
    offset = here - motion.transl[0]
    transl = motion.transl + offset
    if in_place:
        transl[:, [0, 2]] = here[[0, 2]]
    moved = replace(motion, transl=transl)
    body, shape = loaded.avatar.body, loaded.avatar.shape
    rise = floor_height(body, shape, training) - floor_height(body, shape, moved)
    return replace(moved, transl=transl + torch.tensor([0.0, rise, 0.0]))


def keep_footing(loaded: LoadedAvatar, source: Motion, aligned: Motion) -> Motion:
    """Raise or lower every aligned pose until its lowest point is as high as the source's.

    An aligner changes how far the knees bend and leaves the pelvis where it was: without this, who
    rises from a squat floats.

    Args:
        loaded: The avatar.
        source: The motion before alignment.
        aligned: The same frames after it.
    """
    body, shape = loaded.avatar.body, loaded.avatar.shape
    lift = lowest_points(body, shape, source) - lowest_points(body, shape, aligned)
    return replace(aligned, transl=aligned.transl + lift[:, None] * torch.tensor([0.0, 1.0, 0.0]))


@torch.no_grad()
def render_motion(
    loaded: LoadedAvatar,
    motion: Motion,
    cameras: Camera | None = None,
    background: Background | None = None,
    first: int = 0,
) -> Iterator[Tensor]:
    """Rendered frames [3, H, W] in [0, 1], one by one.

    Args:
        loaded: The avatar.
        motion: A placed motion, at any frame rate.
        cameras: One camera a frame; None: the camera of the training. Before an avatar that paints
            its background the person moves instead (``Renderer.camera_moves``).
        background: What is put behind the person; None: the scene as the renderer shows it. Of a
            transparent one frames are [4, H, W], the fourth channel straight alpha.
        first: Number of the first frame that is wanted. Those before it are rendered too where the
            avatar remembers something from frame to frame.
    """
    avatar, own = loaded.avatar, loaded.subject.camera.to(loaded.device)
    path = (own if cameras is None else cameras.to(loaded.device)).expand(len(motion))
    person_moves = cameras is not None and not avatar.renderer.camera_moves
    pictured = _as_rendered if background is None else background.behind(path.width, path.height)
    state: AvatarState | None = None
    for frame, context in enumerate(contexts(loaded, motion, path)):
        if frame < first and state is not None and not state.remembers:
            continue
        if person_moves:
            context = before_own_camera(context, path[max(0, frame - 1)], own)
        with (
            enough_memory(f"frame {frame}", elsewhere(loaded.device)),
            autocast(loaded.device, loaded.config.precision),
        ):
            output, state = avatar.step(context, state)
        if frame >= first:
            yield pictured(output)


def _as_rendered(output: RenderOutput) -> Tensor:
    return output.rgb[0].float().clamp(0, 1)


def contexts(loaded: LoadedAvatar, motion: Motion, cameras: Camera) -> Iterator[FrameContext]:
    """The frames of a placed motion, one by one; only the body of the frame before is kept.

    Args:
        loaded: The avatar.
        motion: A placed motion.
        cameras: One a frame, on the device of the avatar.
    """
    before = None
    for frame, (pose, body) in enumerate(_posed(loaded, motion)):
        seconds = frame / motion.fps
        yield FrameContext.driven(body, cameras[frame], pose, before=before, seconds=seconds)
        before = body


def _posed(loaded: LoadedAvatar, motion: Motion) -> Iterator[tuple[Motion, PosedBody]]:
    """Poses and posed bodies, one by one."""
    body, shape = loaded.avatar.body, loaded.avatar.shape
    for first in range(0, len(motion), _AT_ONCE):
        poses = motion[first : first + _AT_ONCE].to(loaded.device)
        parameters = body.from_motion(poses, shape)
        for i in range(len(poses)):
            yield poses[i], body(parameters[i])
