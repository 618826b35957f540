"""What Gaussians on a body need of it."""

from __future__ import annotations

from avatar_kit.errors import UserError
from avatar_kit.gaussians import Anchors
from avatar_kit.scene import RestBody


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
            "encoder 'surface_gaussians' needs skinning weights, but the body gives "
            f"{list(weights.shape)} of them for {len(rest.vertices)} vertices and "
            f"{len(rest.joints)} joints, or rows that do not sum to one; use another body"
        )


def check_budget(anchors: Anchors, rest: RestBody) -> None:
    """Refuse too few Gaussians.

    Raises:
        UserError: A part of the body has none.
    """
    topology = rest.topology
    parts = topology.parts[topology.faces[anchors.faces]].flatten().unique().tolist()
    worn = topology.parts[topology.faces].flatten().unique().tolist()
    bare = [topology.part_names[part] for part in worn if part not in parts]
    if bare:
        raise UserError(
            f"encoders: surface_gaussians: points: {len(anchors)} Gaussians leave "
            f"{', '.join(bare)} without any; give more"
        )
