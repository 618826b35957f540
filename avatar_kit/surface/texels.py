"""The texels of a body's UV layout as points of its surface."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.graphics import visibility
from avatar_kit.scene import FrameContext, Topology


@dataclass(frozen=True)
class Texels:
    """N texels that lie on the surface, and its V vertices, as points of a body.

    Attributes:
        covered: [S, S] bool, which texels of a texture of side S they are, in the order of its
            rows.
        triangle: [N] long.
        barycentrics: [N, 3].
        faces: [F, 3] vertices of the triangles.
    """

    covered: Tensor
    triangle: Tensor
    barycentrics: Tensor
    faces: Tensor

    @classmethod
    def of(cls, surface: Topology, side: int) -> Texels:
        """The texels of a texture of that side whose centres lie on the surface."""
        places = (surface.uvs * side)[None]
        flat = torch.ones(places.shape[:2])
        triangle, barycentrics, _ = visibility(
            places, flat, surface.uv_faces, side, side, perspective=False
        )
        covered = triangle[0] >= 0
        return cls(covered, triangle[0][covered], barycentrics[0][covered], surface.faces)

    def reaching(self, reach: int) -> Texels:
        """With the texels around every island, up to ``reach`` away, as copies of its border.

        Bilinear lookups touch them.
        """
        number = torch.full(self.covered.shape, -1)
        number[self.covered] = torch.arange(len(self))
        for _ in range(reach):
            grown = number.clone()
            for shift, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
                beside = number.roll(shift, axis)
                beside.select(axis, 0 if shift > 0 else -1).fill_(-1)  # what came around the edge
                grown = torch.where(grown < 0, beside, grown)
            number = grown
        rows = number[number >= 0]
        return Texels(number >= 0, self.triangle[rows], self.barycentrics[rows], self.faces)

    def __len__(self) -> int:
        return len(self.triangle)

    def among(self, chosen: Tensor) -> Texels:
        """Those of a choice [N] bool."""
        covered = self.covered.clone()
        covered[self.covered] = chosen
        return Texels(covered, self.triangle[chosen], self.barycentrics[chosen], self.faces)

    def interpolated(self, values: Tensor) -> Tensor:
        """[N, C] of values [V, C] at the vertices."""
        weights, corners = self.barycentrics.to(values), self.faces[self.triangle].to(values.device)
        return sum(weights[:, i, None] * values[corners[:, i]] for i in range(3))  # type: ignore

    def place(self, context: FrameContext) -> tuple[Tensor, Tensor]:
        """Places [1, N + V, 3] and unit normals of the texels, then the vertices, in a frame."""
        found = []
        for values in (context.body.vertices[0], context.body.normals[0]):
            found.append(torch.cat([self.interpolated(values), values])[None])
        return found[0], F.normalize(found[1], dim=-1)


def dilated(picture: Tensor, known: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """Carry the values of islands over their edges.

    Args:
        picture: [C, S, S].
        known: [S, S] bool, where it has values.
        reach: Texels that they are carried.

    Returns:
        The picture, 0 where nothing reached, and [S, S] where it has values now.
    """
    values, have = picture[None], known[None, None].to(picture.dtype)
    values = values * have
    for _ in range(reach):
        if have.all():
            break
        total, share = (9 * F.avg_pool2d(v, 3, 1, 1) for v in (values, have))
        fill = (have == 0) & (share > 0.5)
        values = torch.where(fill, total / share.clamp(min=1), values)
        have = (have + fill).clamp(max=1)
    return values[0], have[0, 0] > 0
