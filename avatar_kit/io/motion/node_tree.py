"""Nodes that hang on each other, and the skeleton that some of them are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import roma
import torch
from torch import Tensor

from avatar_kit.errors import UserError
from avatar_kit.io.motion.animated import Animated, Joint
from avatar_kit.io.motion.clock import Clock

#: Nodes of a file, and nodes times frames: each is a matrix of 128 bytes.
_MOST_NODES, _MOST_MATRICES = 20_000, 20_000_000

#: How far matrices may be off a rotation times a scale to be taken for one.
_EXACT = 1e-9


@dataclass(frozen=True)
class NodeTree:
    """The N nodes of a scene.

    Attributes:
        path: The file, for messages.
        names: Their names.
        parents: Index of each node's parent; -1: none.
    """

    path: Path
    names: Sequence[str]
    parents: Sequence[int]

    def __post_init__(self):
        if len(self.names) > _MOST_NODES:
            raise UserError(f"{self.path}: {len(self.names)} nodes are too many")

    @cached_property
    def order(self) -> list[int]:
        """Nodes with parents before children.

        Raises:
            UserError: Nodes hang in a circle.
        """
        depth: dict[int, int] = {-1: -1}
        for node in range(len(self.parents)):
            line: dict[int, None] = {}
            while node not in depth:
                line[node] = None
                node = self.parents[node]
                if node in line:
                    raise UserError(f"{self.path}: its nodes hang in a circle")
            for below in reversed(line):
                depth[below] = depth[self.parents[below]] + 1
        return sorted(range(len(self.parents)), key=lambda node: depth[node])

    def check_frames(self, nodes: int, clock: Clock) -> None:
        """Refuse more matrices than memory holds.

        Raises:
            UserError: There are too many nodes in too many frames.
        """
        if nodes * len(clock.times) > _MOST_MATRICES:
            raise UserError(
                f"{self.path}: {nodes} nodes in {len(clock.times)} frames are too many; is the "
                "time of a key wrong? Cut the animation into parts"
            )

    def animated(
        self, kept: Sequence[int], clock: Clock, world: Mapping[int, Tensor], built: Tensor
    ) -> Animated:
        """The skeleton that some nodes are.

        Args:
            kept: Its J nodes, parents before children.
            clock: T frames.
            world: Node -> [T or 1, 4, 4] in the world, of all that are kept.
            built: [J, 4, 4] the pose in which the skeleton was built.

        Raises:
            UserError: A matrix is not finite: scales or places are too large.
        """
        places = {node: i for i, node in enumerate(kept)}
        for node in kept:
            if not bool(world[node].isfinite().all()):
                raise UserError(
                    f"{self.path}: node {self.names[node]!r:.40}: its scales or places are too "
                    "large for numbers"
                )
        frames = len(clock.times)
        return Animated(
            tuple(Joint(self.names[node], self._above(node, places)) for node in kept),
            clock.fps,
            torch.stack([_rotation(world[n]).expand(frames, 3, 3) for n in kept], 1),
            torch.stack([world[n][:, :3, 3].expand(frames, 3) for n in kept], 1),
            _rotation(built),
            built[:, :3, 3],
        )

    def _above(self, node: int, places: Mapping[int, int]) -> int:
        """Number of the next node above that is kept; ``places``: node -> number."""
        above = self.parents[node]
        while above >= 0 and above not in places:
            above = self.parents[above]
        return places[above] if above >= 0 else -1


def _rotation(matrices: Tensor) -> Tensor:
    """The rotations [..., 3, 3] in matrices [..., 4, 4] that may scale."""
    linear = matrices[..., :3, :3]
    turn = linear / linear.norm(dim=-2, keepdim=True).clamp(min=1e-300)
    off = (turn.mT @ turn - torch.eye(3, dtype=turn.dtype)).abs().amax()
    if float(off) < _EXACT and bool((torch.linalg.det(turn) > 0).all()):
        return turn
    return roma.special_procrustes(linear.contiguous())
