"""An avatar before its training: built for the captures it will be trained on."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import torch

from avatar_kit.capture import CaptureView, Sample
from avatar_kit.config import MethodConfig
from avatar_kit.engine.assemble import build_avatar
from avatar_kit.engine.held_out import refuse_unseen_views
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Avatar, Body
from avatar_kit.scene import Camera, Plate

logger = logging.getLogger(__name__)


def training_cameras(view: CaptureView) -> dict[str, Camera]:
    """Name -> camera of the training split, as it is at the first training frame."""
    train = view.capture.splits["train"]
    return {name: view.camera(Sample(train.frames[0], name)) for name in train.cameras}


def plates_of(view: CaptureView) -> list[Plate]:
    """The empty scene of every camera of which it is known or can be estimated.

    A warning says so where there is none at all.
    """
    first, plates = view.capture.splits["train"].frames[0], []
    for name in view.cameras:
        picture = view.plate(name)
        if picture is not None:
            camera = view.camera(Sample(first, name))
            plates.append(Plate(torch.from_numpy(picture).float() / 255, camera))
    if not plates:
        logger.warning(
            "%s: no picture of the empty scene, and none can be estimated while the camera "
            "moves: the person is drawn over black instead (give plates/%s.png, as the camera "
            "sees the scene in the first training frame)",
            view.capture.root,
            next(iter(view.cameras)),
        )
    return plates


def avatar_of(config: MethodConfig, body: Body, views: Sequence[CaptureView]) -> Avatar:
    """The avatar of one person, or of several who share its networks; not trained yet."""

    def built(view: CaptureView, others: Sequence[Avatar] = ()) -> Avatar:
        capture, cameras = view.capture, list(training_cameras(view).values())
        frames = list(capture.splits["train"].frames)
        plates, motion = plates_of(view), capture.motion[frames]
        return build_avatar(
            config, body, capture.shape, len(frames), cameras, plates, others, motion
        )

    first, *rest = views
    avatar = built(first, [built(view) for view in rest])
    for view in views:
        _refuse_moving(avatar, view)
        refuse_unseen_views(avatar.renderer, view)
    return avatar


def _refuse_moving(avatar: Avatar, view: CaptureView) -> None:
    """Refuse a moving camera where its background is painted.

    Raises:
        UserError: The renderer paints the background of one camera, which moves.
    """
    moving = [name for name, camera in view.cameras.items() if len(camera) > 1]
    if moving and not avatar.renderer.camera_moves:
        raise UserError(
            f"{view.capture.root}: camera '{moving[0]}' moves, but renderer "
            f"'{avatar.renderer.config.type}' paints the background of one camera that stands "
            "still; use a renderer that paints only the person (for example "
            "renderer.background=composite)"
        )
