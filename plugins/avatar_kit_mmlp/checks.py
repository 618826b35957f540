"""What Gaussians with MLPs need of a body and of their numbers."""

from __future__ import annotations

from avatar_kit.errors import UserError
from avatar_kit.scene import RestBody
from avatar_kit_mmlp.config import MlpGaussiansConfig


def check_body(rest: RestBody) -> None:
    """Refuse a body that Gaussians cannot follow.

    Raises:
        UserError: Its skinning weights are missing, or do not sum to one.
    """
    weights = rest.skinning_weights
    if tuple(weights.shape) != (len(rest.vertices), len(rest.joints)) or bool(
        ((weights.sum(1) - 1).abs() > 1e-3).any()
    ):
        raise UserError(
            "encoder 'mlp_gaussians' needs skinning weights, but the body gives "
            f"{list(weights.shape)} of them for {len(rest.vertices)} vertices and "
            f"{len(rest.joints)} joints, or rows that do not sum to one; use another body"
        )


def check_numbers(config: MlpGaussiansConfig) -> None:
    """Refuse fewer Gaussians than anchors or control points, which are chosen among them.

    Raises:
        UserError: There are fewer.
    """
    for name in ("anchors", "controls"):
        wanted = getattr(config, name)
        if wanted > config.points:
            raise UserError(
                f"encoders: mlp_gaussians: {name}: {wanted} cannot be chosen among "
                f"{config.points} Gaussians; give at most {config.points}, or more points"
            )
