"""What a shape vector fixes: bone heads, rest orientations and blend shape coefficients."""

from __future__ import annotations

from dataclasses import dataclass

import roma
import torch
from torch import Tensor, nn

from avatar_kit_anny.assets import Assets
from avatar_kit_anny.framewise import apply, compose, frames_last
from avatar_kit_anny.phenotype import coefficients, corner_table

#: Metres of one count of the 16-bit displacements.
STEP = 1e-4


@dataclass(frozen=True)
class Identity:
    """N people; N is 1 or the number of frames.

    Attributes:
        coefficients: [N, K] blend shape coefficients.
        heads: [J, 3, N] bone heads of the rest pose, metres.
        turn: [J, 3, 3, N] rotation that carries every bone from the rest pose to the identity
            pose, in which the body stands when all rotations are zero.
        offsets: [J, 3, N] from the parent's head to the bone's head in the identity pose; the
            root's own head for the root.
    """

    coefficients: Tensor
    heads: Tensor
    turn: Tensor
    offsets: Tensor

    def skinning(self, world: Tensor, heads: Tensor) -> tuple[Tensor, Tensor]:
        """What carries points of the rest surface along with the bones.

        Args:
            world: [J, 3, 3, B] rotations of the bones in the world.
            heads: [J, 3, B] their heads.

        Returns:
            Rotations [J, 3, 3, B] and translations [J, 3, B].
        """
        rotation = compose(world, self.turn)
        return rotation, heads - apply(rotation, self.heads)


class Shaper(nn.Module):
    """Shape vectors to identities and rest surfaces."""

    template: Tensor
    shapes: Tensor
    heads: Tensor
    head_shapes: Tensor
    covariances: Tensor
    covariance_shapes: Tensor
    reference: Tensor
    corners: Tensor
    parents: Tensor

    def __init__(self, assets: Assets):
        super().__init__()
        tensors = assets.tensors
        plain = ("template", "heads", "covariances", "reference")
        buffers = {name: tensors[name] for name in plain}
        for name in ("head_shapes", "covariance_shapes"):
            buffers[name] = tensors[name].flatten(1)
        buffers["shapes"] = tensors["shapes"].flatten(1).float() * STEP
        buffers["corners"] = corner_table(assets.shapes)
        buffers["parents"] = torch.tensor(assets.parents).clamp(min=0)
        for name, value in buffers.items():
            self.register_buffer(name, value, persistent=False)

    def forward(self, shape: Tensor) -> Identity:
        """The skeletons of [N, S] shapes. Differentiable."""
        c = coefficients(shape, self.corners)
        heads = self.heads + (c @ self.head_shapes).unflatten(1, (-1, 3))
        covariance = self.covariances + (c @ self.covariance_shapes).unflatten(1, (-1, 3, 3))
        turn = self.reference @ roma.special_procrustes(covariance).mT
        heads, turn = frames_last(heads).contiguous(), frames_last(turn).contiguous()
        up = self.parents
        # the root's own frame does not turn its children
        eye = torch.eye(3, dtype=turn.dtype, device=turn.device)[:, :, None]
        carried = torch.where((up == 0)[:, None, None, None], eye, turn.index_select(0, up))
        offsets = apply(carried, heads - heads.index_select(0, up))
        return Identity(c, heads, turn, torch.cat([heads[:1], offsets[1:]]))

    def vertices(self, c: Tensor) -> Tensor:
        """[N, V, 3] rest surfaces of coefficients [N, K], without expression."""
        return self.template + (c @ self.shapes).unflatten(1, (-1, 3))
