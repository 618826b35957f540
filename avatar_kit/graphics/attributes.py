"""Values given at a mesh's corners, seen in the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from avatar_kit.graphics.fragments import Fragments
from avatar_kit.graphics.gather import weighted_gather

if TYPE_CHECKING:
    from avatar_kit.scene.body import Topology


def interpolate(attributes: Tensor, faces: Tensor, fragments: Fragments) -> Tensor:
    """Interpolate attributes over the visible surface.

    Gradients flow to the attributes and, through the barycentrics, to what these depend on.

    Args:
        attributes: [B or 1, V, C] values.
        faces: [F, 3] row of ``attributes`` for every corner of every triangle: the mesh's faces,
            or ``Topology.uv_faces`` for values given at texture coordinates.
        fragments: What the rasteriser found.

    Returns:
        [B, C, H, W]; 0 in the background.
    """
    batch, height, width = fragments.triangle.shape
    covered = fragments.covered
    index = faces.index_select(0, fragments.visited).long()
    weight = fragments.barycentrics.reshape(-1, 3).index_select(0, covered)
    table = attributes.transpose(1, 2)
    picture = weighted_gather(table, index, weight, covered, batch, height * width)
    return picture.view(batch, -1, height, width)


def uv_map(topology: Topology, fragments: Fragments) -> Tensor:
    """[B, 2, H, W] texture coordinates in [0, 1], origin top-left; 0 in the background."""
    return interpolate(topology.uvs[None], topology.uv_faces, fragments)
