"""The texture of a body, baked from what its avatar paints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from avatar_kit.exporters.pictured import PicturedPoses
from avatar_kit.interfaces import ExportSource, Report
from avatar_kit.scene import RestBody
from avatar_kit.surface import (
    SEEN,
    Completion,
    Texels,
    dilated,
    painted_colours,
    unseen_sides,
)

#: Metres that the drawn surface may lie before a texel that is still seen.
_BEHIND = 0.01

#: A texel counts by how often it was seen squarely; at this it counts as much as its surroundings.
_HALF = 0.01

#: Texels that the colours of an island reach beyond it, so that none of what lies between is seen.
_SEAM = 16


@dataclass(frozen=True)
class BakedTexture:
    """A texture in the layout of a body.

    Attributes:
        picture: [S, S, 3] uint8, sRGB as in the capture's pictures.
        unseen: Share of the surface that no picture showed, in [0, 1].
        sides: Sides of the person that were mostly not seen.
        frames: Pictures it was made of.
    """

    picture: np.ndarray
    unseen: float
    sides: tuple[str, ...]
    frames: int


@torch.no_grad()
def baked_texture(source: ExportSource, size: int, frames: int, report: Report) -> BakedTexture:
    """Carry what the avatar paints of some training poses to the body's texture.

    A picture counts by how squarely it shows a texel. What none shows takes the colour of the other
    side of the person, and where that is unknown too, of the surface around it.

    Args:
        source: The avatar and its training poses; its body has texture coordinates.
        size: Side S of the texture.
        frames: How many pictures, at most.
        report: Is told how many pictures are done.
    """
    rest = source.avatar.body.rest(source.avatar.shape).to("cpu")
    texels = Texels.of(rest.topology, size)
    pictures = PicturedPoses(source, frames, report)
    count = len(texels)
    colours, weight = painted_colours(
        pictures, texels.place, count + len(rest.vertices),
        frames=frames, behind=_BEHIND, between="bilinear",
    )  # fmt: skip
    completion = Completion.of_vertices(weight[count:], rest)
    around = texels.interpolated(completion(colours[count:]))
    share = (weight[:count] / (weight[:count] + _HALF))[:, None]
    texture = torch.zeros(size, size, 3)
    texture[texels.covered] = share * colours[:count] + (1 - share) * around
    texture = _dilated(texture, texels.covered)
    return BakedTexture(
        (255 * texture.clamp(0, 1)).round().byte().numpy(),
        _unseen(texels, rest, weight[:count]),
        tuple(unseen_sides(rest.normals, weight[count:])),
        len(pictures),
    )


def _unseen(texels: Texels, rest: RestBody, weight: Tensor) -> float:
    """Share of the surface that was not seen."""
    a, b, c = rest.vertices[texels.faces].unbind(1)
    area = torch.linalg.cross(b - a, c - a).norm(dim=1)
    texel = area / torch.bincount(texels.triangle, minlength=len(area)).clamp(min=1)
    extent = texel[texels.triangle]
    return float(extent[weight <= SEEN].sum() / extent.sum())


def _dilated(texture: Tensor, covered: Tensor) -> Tensor:
    """The texture [S, S, 3] with the colours of its islands carried over their edges.

    What lies beyond takes their mean, which keeps the file small.
    """
    mean = texture[covered].mean(0) if bool(covered.any()) else texture.new_full((3,), 0.5)
    values, known = dilated(texture.permute(2, 0, 1), covered, _SEAM)
    return torch.where(known, values, mean.view(3, 1, 1)).permute(1, 2, 0)
