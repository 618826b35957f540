"""From a config to living parts."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from avatar_kit.config import MethodConfig
from avatar_kit.declarations import ComponentConfig
from avatar_kit.engine.floor import standing_place
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Avatar, Body, Method, PoseRefinement, Setup
from avatar_kit.registry import catalog
from avatar_kit.scene import Camera, ConditionSpec, Motion, Plate


def load_class(kind: str, config: ComponentConfig) -> type:
    """The implementation a config names."""
    return catalog().get(kind, config.type).load()


def build_body(config: MethodConfig) -> Body:
    """The body model, in evaluation mode and without gradients."""
    return load_class("body", config.body)(config.body).eval().requires_grad_(False)


def build_avatar(
    config: MethodConfig,
    body: Body,
    shape: dict[str, float],
    training_frames: int,
    cameras: Sequence[Camera],
    plates: Sequence[Plate] = (),
    others: Sequence[Avatar] = (),
    motion: Motion | None = None,
) -> Avatar:
    """Wire the four parts. Weights are initialised from ``config.seed``.

    Args:
        config: The method's config.
        body: The body model.
        shape: Shape values by name.
        training_frames: Number of training frames.
        cameras: The cameras of the training, each a batch of one.
        plates: Pictures of the empty scene, where the capture is at hand.
        others: Avatars of further people, built likewise, who shall share its networks.
        motion: The training poses, which say where the floor is.

    Raises:
        UserError: The renderer paints the background of one camera, but there are several.
    """
    torch.manual_seed(config.seed)
    person = body.shape_vector(shape)
    rest = body.rest(person).to("cpu")  # parts are built on the CPU, and moved with the avatar
    stand = None if motion is None else standing_place(body, person, motion)
    setup = Setup(rest, tuple(cameras), training_frames, tuple(plates), stand)
    encoders = {name: load_class("encoder", c)(c, setup) for name, c in config.encoders.items()}
    specs = {name: ConditionSpec(*c.yields()) for name, c in config.encoders.items()}
    renderer = load_class("renderer", config.renderer)(config.renderer, setup, specs)
    if len(cameras) > 1 and not renderer.camera_moves:
        raise UserError(
            f"renderer '{config.renderer.type}' paints the background of one camera, but the "
            f"training has {len(cameras)}; use a renderer that paints only the person (for "
            "example renderer.background=composite), or one camera (of a capture folder: "
            "data.cameras=[NAME])"
        )
    aligner = load_class("aligner", config.aligner)(config.aligner)
    refinement = PoseRefinement(training_frames, len(cameras)) if config.refine else None
    return Avatar(body, person, encoders, renderer, aligner, refinement, others)


def build_method(config: MethodConfig, avatar: Avatar) -> Method:
    """The method around an avatar."""
    return load_class("method", config)(config, avatar)


def check_body(config: MethodConfig, body_name: str, where: str) -> None:
    """A capture's poses and shape belong to one body model.

    Raises:
        UserError: The config trains with another one.
    """
    if config.body.type != body_name:
        everybody = " with all captures" if config.others else ""
        raise UserError(
            f"{where}: made for the body '{body_name}', but the config says body.type="
            f"{config.body.type}; use body={body_name}{everybody} or prepare the video again"
        )
