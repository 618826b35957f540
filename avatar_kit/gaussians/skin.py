"""Points in the rest pose, on the surface or off it, and what a posed body does to each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from avatar_kit.gaussians.anchors import Anchors
from avatar_kit.gaussians.posing import blended_transforms, carried
from avatar_kit.gaussians.skinning_grid import diffused_weights
from avatar_kit.scene import PosedBody, RestBody


@dataclass(frozen=True)
class Skin:
    """The constant part of the skinning of N free points.

    Attributes:
        places: [N, 3] positions in the rest pose, metres.
        weights: [N, J] skinning weights of the points, rows sum to one.
        corners: [N, 3] long, the vertices of the triangle each is tied to.
        barycentrics: [N, 3] place within it, rows sum to one.
        surface: [N, 3] this position on the surface in the rest pose, metres.
        off: [H] long, the points that are off the surface.
        off_weights: [H, J] weights of the surface where these points are attached.
        rest_transforms: [J, 4, 4] bone-to-world in the rest pose.
    """

    places: Tensor
    weights: Tensor
    corners: Tensor
    barycentrics: Tensor
    surface: Tensor
    off: Tensor
    off_weights: Tensor
    rest_transforms: Tensor

    @classmethod
    def of(cls, anchors: Anchors, rest: RestBody, resolution: int = 64) -> Skin:
        """Weights of the surface on it, and of :func:`diffused_weights` off it.

        Args:
            anchors: The points; all on the CPU, as the body.
            rest: The body at rest.
            resolution: Nodes along the longest side of the grid of weights.
        """
        faces = rest.topology.faces
        places = anchors.rest(rest)
        weights = anchors.at_vertices(rest.skinning_weights, faces)
        off = (anchors.offsets.norm(dim=1) > 0).nonzero()[:, 0]
        below = weights[off]
        if len(off):
            weights = weights.index_copy(0, off, diffused_weights(rest, places[off], resolution))
        return cls(
            places,
            weights,
            faces[anchors.faces].long(),
            anchors.barycentrics,
            places - anchors.offsets,
            off,
            below,
            rest.transforms,
        )

    @property
    def off_surface(self) -> Tensor:
        """[N] bool."""
        off = torch.zeros(len(self.places), dtype=torch.bool, device=self.off.device)
        return off.index_fill(0, self.off, True)

    def at_vertices(self, values: Tensor) -> Tensor:
        """Values given at vertices [B, V, C], interpolated where points are tied: [B, N, C]."""
        chosen = values.index_select(1, self.corners.reshape(-1)).unflatten(1, (-1, 3))
        return (chosen * self.barycentrics[..., None]).sum(2)

    def blended(self, body: PosedBody) -> Tensor:
        """[B, N, 3, 4] affine map of each point from the rest pose into the world, metres.

        This is linear blend skinning plus the other deformations of the body: each point is also
        moved by the difference between the posed surface and its skinned position where the point
        is attached. Expressions and other deformations of a body model therefore move the point,
        and a point on the surface stays on it.
        """
        bones, rest = body.bone_transforms, self.rest_transforms
        blended = blended_transforms(self.weights, bones, rest)
        skinned = carried(blended, self.surface)
        if len(self.off):
            below = blended_transforms(self.off_weights, bones, rest)
            skinned = skinned.index_copy(1, self.off, carried(below, self.surface[self.off]))
        missed = self.at_vertices(body.vertices) - skinned
        return torch.cat([blended[..., :3], blended[..., 3:] + missed[..., None]], dim=-1)
