"""Gaussians carried along by a posed body: means, normals and covariances, with derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import roma
import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.gaussians import attachment_numba
from avatar_kit.gaussians.anchors import Anchors
from avatar_kit.scene import PosedBody, RestBody


@dataclass(frozen=True)
class Attachment:
    """The constant part of the attachment of N Gaussians to a body.

    Attributes:
        corners: [N, 3] long, the vertices of the triangle each is tied to.
        barycentrics: [N, 3] place within it, rows sum to one.
        offsets: [N, 3] metres from there in the rest pose.
        bones: [N, K] long, the bones that move each Gaussian, the largest weight first; unused
            entries are bone 0.
        weights: [N, K] their skinning weights, 0 in unused entries.
        unrest: [J, 3, 3] inverse rotations of the bones at rest.
    """

    corners: Tensor
    barycentrics: Tensor
    offsets: Tensor
    bones: Tensor
    weights: Tensor
    unrest: Tensor

    @classmethod
    def of(cls, anchors: Anchors, rest: RestBody) -> Attachment:
        """The attachment of points to a body; all on one device."""
        faces = rest.topology.faces
        dense = anchors.at_vertices(rest.skinning_weights, faces)
        most = max(1, int((dense > 0).sum(1).max())) if len(dense) else 1
        weights, bones = dense.topk(most, dim=1)
        bones = torch.where(weights > 0, bones, 0)
        return cls(
            faces[anchors.faces].long(),
            anchors.barycentrics,
            anchors.offsets,
            bones,
            weights,
            rest.transforms[:, :3, :3].mT.contiguous(),
        )

    def to(self, device: torch.device | str) -> Attachment:
        """The same attachment on another device."""
        return Attachment(*(getattr(self, name).to(device) for name in self.__annotations__))

    def at_vertices(self, values: Tensor) -> Tensor:
        """Values given at vertices [B, V, C], interpolated at the Gaussians: [B, N, C]."""
        chosen = values.index_select(1, self.corners.reshape(-1)).unflatten(1, (-1, 3))
        return (chosen * self.barycentrics[..., None]).sum(2)

    def points(self, body: PosedBody) -> Tensor:
        """[B, N, 3] positions of the attached points on posed bodies, world metres."""
        still = self.offsets.new_zeros(len(self.offsets), 3)
        upright = self.offsets.new_tensor([1.0, 0, 0, 0]).expand(len(self.offsets), 4)
        return self.carry(body, still, upright, still)[0]

    def carry(
        self, body: PosedBody, offsets: Tensor, quaternions: Tensor, log_scales: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Gaussians of the rest pose on posed bodies.

        With the skinning matrix ``F = sum_k w_k B_k B0_k^-1`` of the bones' rotations, posed B and
        at rest B0, the mean is ``p + F (anchor offset + offset)`` with the point p of the posed
        surface, and the covariance ``A A^T`` with ``A = F R(quaternion) diag(exp(log scale))``.
        Gradients reach the three parameters, and the body's vertices, normals and bones.

        Args:
            body: B posed bodies.
            offsets: [N, 3] learned, metres in the rest pose.
            quaternions: [N, 4] wxyz in the rest pose, of any length but 0.
            log_scales: [N, 3] logarithms of standard deviations in metres.

        Returns:
            Means [B, N, 3], unit normals of the surface [B, N, 3], covariances [B, N, 3, 3].
        """
        turns = body.bone_transforms[..., :3, :3] @ self.unrest
        given = (body.vertices, body.normals, turns, offsets, quaternions, log_scales)
        if offsets.device.type == "cpu":
            return attachment_numba.carry(self, *given)
        return carry_dense(self, *given)


def carry_dense(
    ties: Attachment,
    vertices: Tensor,
    normals: Tensor,
    turns: Tensor,
    offsets: Tensor,
    quaternions: Tensor,
    log_scales: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """:meth:`Attachment.carry` in plain torch: for CUDA, and the twin that tests compare with."""
    blend = (turns[:, ties.bones] * ties.weights[..., None, None]).sum(2)  # [B, N, 3, 3]
    moved = (blend @ (ties.offsets + offsets)[..., None])[..., 0]
    shape = roma.unitquat_to_rotmat(F.normalize(quaternions, dim=1).roll(-1, 1))
    axes = blend @ (shape * log_scales.exp()[:, None])
    return (
        ties.at_vertices(vertices) + moved,
        F.normalize(ties.at_vertices(normals), dim=-1),
        axes @ axes.mT,
    )
