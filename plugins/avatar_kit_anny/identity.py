"""What a shape vector fixes: bone heads, rest orientations and blend shape coefficients."""

from __future__ import annotations

from dataclasses import dataclass

import roma
import torch
from torch import Tensor, nn

from avatar_kit_anny.assets import Assets
from avatar_kit_anny.phenotype import coefficients, corner_table

#: Metres of one count of the 16-bit displacements.
STEP = 1e-4


@dataclass(frozen=True)
class Identity:
    """N people.

    Attributes:
        coefficients: [N, K] blend shape coefficients.
        heads: [N, J, 3] bone heads of the rest pose, metres.
        turn: [N, J, 3, 3] rotation that carries every bone from the rest pose to the identity pose,
            in which the body stands when all rotations are zero.
        offsets: [N, J, 3] from the parent's head to the bone's head in the identity pose; the
            root's own head for the root.
    """

    coefficients: Tensor
    heads: Tensor
    turn: Tensor
    offsets: Tensor

    def __len__(self) -> int:
        return self.heads.shape[0]


class Shaper(nn.Module):
    """Shape vectors to identities and rest surfaces."""

    def __init__(self, assets: Assets):
        super().__init__()
        tensors = assets.tensors
        for name in ("template", "heads", "head_shapes", "covariances", "covariance_shapes"):
            self.register_buffer(name, tensors[name], persistent=False)
        self.register_buffer("reference", tensors["reference"], persistent=False)
        shapes = tensors["shapes"].flatten(1).float() * STEP
        self.register_buffer("shapes", shapes, persistent=False)
        self.register_buffer("corners", corner_table(assets.shapes), persistent=False)
        parents = torch.tensor(assets.parents).clamp(min=0)
        self.register_buffer("parents", parents, persistent=False)

    def forward(self, shape: Tensor) -> Identity:
        """The skeletons of [N, S] shapes. Differentiable."""
        c = coefficients(shape, self.corners)
        heads = self.heads + (c @ self.head_shapes.flatten(1)).unflatten(1, self.heads.shape)
        covariance = self.covariances + (c @ self.covariance_shapes.flatten(1)).unflatten(
            1, self.covariances.shape
        )
        turn = self.reference @ roma.special_procrustes(covariance).mT
        offsets = heads - heads[:, self.parents]
        # the root's frame never turns its children
        carried = turn[:, self.parents[1:]].clone()
        carried[:, self.parents[1:] == 0] = torch.eye(3, dtype=turn.dtype, device=turn.device)
        rest = (carried @ offsets[:, 1:, :, None])[..., 0]
        return Identity(c, heads, turn, torch.cat([heads[:, :1], rest], 1))

    def vertices(self, c: Tensor) -> Tensor:
        """[N, V, 3] rest surfaces of coefficients [N, K], without expression."""
        return self.template + (c @ self.shapes).unflatten(1, self.template.shape)
