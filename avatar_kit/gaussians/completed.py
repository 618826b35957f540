"""Colours for Gaussians that no picture shows."""

from __future__ import annotations

import logging

from torch import Tensor

from avatar_kit.gaussians.anchors import Anchors
from avatar_kit.scene import RestBody
from avatar_kit.surface import Completion, unseen_sides

logger = logging.getLogger(__name__)


def completed_colours(colours: Tensor, weight: Tensor, anchors: Anchors, rest: RestBody) -> Tensor:
    """Painted colours, completed where points were never visible; a warning names these sides.

    Args:
        colours: [N, 3] such as of :func:`~avatar_kit.surface.painted_colours`.
        weight: [N] how much each point was visible.
        anchors: Where the points are attached.
        rest: The body at rest.

    Returns:
        [N, 3]: colours of the other side of the body if it was visible, otherwise of the points
        around.
    """
    surface = anchors.offsets.norm(dim=1) == 0
    normals = anchors.at_vertices(rest.normals, rest.topology.faces)
    sides = unseen_sides(normals[surface], weight[surface])
    if sides:
        logger.warning(
            "the training pictures that were looked at do not show the person's %s: colours "
            "there begin as those of the other side of the body, or of what is next to it",
            ", ".join(sides),
        )
    middle = float(rest.joints[:, 0].mean())
    return Completion(weight, anchors.rest(rest), middle=middle)(colours)
