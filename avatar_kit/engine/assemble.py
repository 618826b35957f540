"""From a config to living parts."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from avatar_kit.config import MethodConfig
from avatar_kit.declarations import ComponentConfig
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Avatar, Body, Method, Setup
from avatar_kit.registry import catalog
from avatar_kit.scene import ConditionSpec, Plate


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
    plate: Plate | None = None,
    others: Sequence[Avatar] = (),
) -> Avatar:
    """Wire the four parts. Weights are initialised from ``config.seed``.

    Args:
        config: The method's config.
        body: The body model.
        shape: Shape values by name.
        training_frames: Number of training frames.
        plate: The empty scene, where the capture is at hand.
        others: Avatars of further people, built likewise, who shall share its networks.
    """
    torch.manual_seed(config.seed)
    setup = Setup(body.topology, config.size, config.size, training_frames, plate)
    encoders = {name: load_class("encoder", c)(c, setup) for name, c in config.encoders.items()}
    specs = {name: ConditionSpec(*c.yields()) for name, c in config.encoders.items()}
    renderer = load_class("renderer", config.renderer)(config.renderer, setup, specs)
    aligner = load_class("aligner", config.aligner)(config.aligner)
    return Avatar(body, body.shape_vector(shape), encoders, renderer, aligner, others)


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
