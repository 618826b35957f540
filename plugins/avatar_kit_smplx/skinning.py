"""The SMPL family's forward pass, written from its papers: blend shapes, joints, blend skinning.

It is short, so it is ours: the package ``smplx`` is under a non-commercial licence, and the tests
alone use it, as a second opinion.
"""

from __future__ import annotations

from collections.abc import Sequence

import roma
import torch
from torch import Tensor, nn


class Skeleton(nn.Module):
    """Forward kinematics over a tree of joints, one product for each depth.

    Args:
        parents: [J] parent of each joint, before the joint; -1 for the root.
    """

    def __init__(self, parents: Sequence[int]):
        super().__init__()
        depth: list[int] = []
        for parent in parents:
            depth.append(0 if parent < 0 else depth[parent] + 1)
        order = sorted(range(len(parents)), key=lambda joint: (depth[joint], joint))
        place = {joint: i for i, joint in enumerate(order)}
        self.levels: list[tuple[list[int], list[int]]] = []
        for level in range(1, max(depth) + 1):
            rows = [joint for joint in order if depth[joint] == level]
            self.levels.append((rows, [place[parents[joint]] for joint in rows]))
        self.back = [place[joint] for joint in range(len(parents))]
        self.parents = [max(parent, 0) for parent in parents]

    def forward(self, local: Tensor, joints: Tensor) -> tuple[Tensor, Tensor]:
        """Rotations in the world and positions of the joints, the root where it is at rest.

        Args:
            local: [B, J, 3, 3] rotations against the parent.
            joints: [B or 1, J, 3] joints at rest.
        """
        steps = joints - joints[:, self.parents]
        turns, places = local[:, :1], joints[:, :1].expand(len(local), -1, -1)
        for rows, above in self.levels:
            up = turns[:, above]
            moved = (up @ steps[:, rows].expand(len(local), -1, -1)[..., None])[..., 0]
            places = torch.cat([places, places[:, above] + moved], 1)
            turns = torch.cat([turns, up @ local[:, rows]], 1)
        return turns[:, self.back], places[:, self.back]


def correction_features(local: Tensor) -> Tensor:
    """[B, 9 (J - 1)] what pose correctives are linear in: rotations less the identity."""
    eye = torch.eye(3, dtype=local.dtype, device=local.device)
    return (local[:, 1:] - eye).flatten(1)


def blend_skinning(
    rest: Tensor, weights: Tensor, turns: Tensor, places: Tensor, joints: Tensor
) -> Tensor:
    """Linear blend skinning.

    Args:
        rest: [B or 1, V, 3] vertices at rest.
        weights: [V, J].
        turns: [B, J, 3, 3] world rotations of the joints.
        places: [B, J, 3] posed joints.
        joints: [B or 1, J, 3] joints at rest.

    Returns:
        [B, V, 3].
    """
    shift = places - (turns @ joints.expand_as(places)[..., None])[..., 0]
    blended = weights @ torch.cat([turns.flatten(2), shift], 2)
    turn, moved = blended[..., :9].unflatten(2, (3, 3)), blended[..., 9:]
    return (turn @ rest.expand(len(turn), -1, -1)[..., None])[..., 0] + moved


def rotations(pose: Tensor) -> Tensor:
    """[B, J, 3, 3] of axis-angle [B, J, 3]."""
    return roma.rotvec_to_rotmat(pose)
