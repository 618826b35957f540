"""The texture of a body, baked from what its avatar paints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.exporters.pictured import PicturedPoses
from avatar_kit.gaussians import (
    mirrored_to_unseen,
    nearest_neighbours,
    painted_colours,
    spread_to_unseen,
    unseen_sides,
)
from avatar_kit.graphics import visibility
from avatar_kit.interfaces import ExportSource, Report
from avatar_kit.scene import FrameContext, RestBody, Topology

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


@dataclass(frozen=True)
class _Texels:
    """N texels that lie on the surface, and the V vertices, as points of a body.

    Attributes:
        covered: [S, S] bool, which texels.
        triangle: [N] long.
        barycentrics: [N, 3].
        faces: [F, 3] vertices of the triangles.
    """

    covered: Tensor
    triangle: Tensor
    barycentrics: Tensor
    faces: Tensor

    def interpolated(self, values: Tensor) -> Tensor:
        """[N, C] of values [V, C] at the vertices."""
        weights, corners = self.barycentrics.to(values), self.faces[self.triangle].to(values.device)
        return sum(weights[:, i, None] * values[corners[:, i]] for i in range(3))  # type: ignore

    def place(self, context: FrameContext) -> tuple[Tensor, Tensor]:
        """The texels, then the vertices, and their normals, in a frame."""
        found = []
        for values in (context.body.vertices[0], context.body.normals[0]):
            found.append(torch.cat([self.interpolated(values), values])[None])
        return found[0], F.normalize(found[1], dim=-1)


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
    texels = _texels(rest.topology, size)
    pictures = PicturedPoses(source, frames, report)
    count = len(texels.triangle)
    colours, weight = painted_colours(
        pictures, texels.place, count + len(rest.vertices),
        frames=frames, behind=_BEHIND, between="bilinear",
    )  # fmt: skip
    around = texels.interpolated(_completed(colours[count:], weight[count:], rest))
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


def _texels(surface: Topology, size: int) -> _Texels:
    """The texels whose centres lie on the surface."""
    places = (surface.uvs * size)[None]
    flat = torch.ones(places.shape[:2])
    triangle, barycentrics, _ = visibility(
        places, flat, surface.uv_faces, size, size, perspective=False
    )
    covered = triangle[0] >= 0
    return _Texels(covered, triangle[0][covered], barycentrics[0][covered], surface.faces)


def _completed(colours: Tensor, weight: Tensor, rest: RestBody) -> Tensor:
    """[V, 3] colours of all vertices."""
    middle = float(rest.vertices[:, 0].mean())
    mirrored = mirrored_to_unseen(colours, weight, rest.vertices, middle=middle)
    return spread_to_unseen(*mirrored, nearest_neighbours(rest.vertices, 8)[0])


def _unseen(texels: _Texels, rest: RestBody, weight: Tensor) -> float:
    """Share of the surface that was not seen."""
    a, b, c = rest.vertices[texels.faces].unbind(1)
    area = torch.linalg.cross(b - a, c - a).norm(dim=1)
    texel = area / torch.bincount(texels.triangle, minlength=len(area)).clamp(min=1)
    extent = texel[texels.triangle]
    return float(extent[weight <= 1e-3].sum() / extent.sum())


def _dilated(texture: Tensor, covered: Tensor) -> Tensor:
    """The texture [S, S, 3] with the colours of its islands carried over their edges.

    What lies beyond takes their mean, which keeps the file small.
    """
    mean = texture[covered].mean(0) if bool(covered.any()) else texture.new_full((3,), 0.5)
    values, known = texture.permute(2, 0, 1)[None], covered[None, None].float()
    values = values * known
    for _ in range(_SEAM):
        total, share = (9 * F.avg_pool2d(v, 3, 1, 1) for v in (values * known, known))
        fill = (known == 0) & (share > 0)
        values = torch.where(fill, total / share.clamp(min=1), values)
        known = (known + fill).clamp(max=1)
    values = torch.where(known > 0, values, mean.view(1, 3, 1, 1))
    return values[0].permute(1, 2, 0)
