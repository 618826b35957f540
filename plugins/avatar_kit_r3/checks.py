"""What recorded Gaussians need of a body and of a training."""

from __future__ import annotations

from avatar_kit.errors import UserError
from avatar_kit.interfaces import Setup


def check_setup(setup: Setup) -> None:
    """Refuse a body that Gaussians cannot follow, and a training without a time.

    Raises:
        UserError: Skinning weights are missing or do not sum to one; fewer than two training
            frames.
    """
    rest = setup.body
    weights = rest.skinning_weights
    if tuple(weights.shape) != (len(rest.vertices), len(rest.joints)) or bool(
        ((weights.sum(1) - 1).abs() > 1e-3).any()
    ):
        raise UserError(
            "encoder 'recorded_gaussians' needs skinning weights, but the body gives "
            f"{list(weights.shape)} of them for {len(rest.vertices)} vertices and "
            f"{len(rest.joints)} joints, or rows that do not sum to one; use another body"
        )
    if setup.training_frames < 2:
        raise UserError(
            "encoder 'recorded_gaussians' records how a person looks over time, but the split "
            f"'train' has {setup.training_frames} frame(s); give at least 2, or use method splat"
        )
