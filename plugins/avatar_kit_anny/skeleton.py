"""Forward kinematics of a joint tree, one product a level. Frames last throughout."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avatar_kit_anny.framewise import apply, compose, transposed


class Skeleton(nn.Module):
    """A tree of joints.

    Args:
        parents: Parent index of every joint; the root comes first and has -1.
    """

    above: Tensor
    order: Tensor
    place: Tensor
    up: Tensor

    def __init__(self, parents: Sequence[int]):
        super().__init__()
        depth: list[int] = []
        for parent in parents:
            depth.append(0 if parent < 0 else depth[parent] + 1)
        order = sorted(range(len(parents)), key=lambda joint: (depth[joint], joint))
        place = {joint: i for i, joint in enumerate(order)}
        starts = [sum(d < level for d in depth) for level in range(max(depth) + 2)]
        self.spans = list(itertools.pairwise(starts[1:]))
        # place of each joint's parent among the joints of the level above
        above = [0 if parents[j] < 0 else place[parents[j]] - starts[depth[j] - 1] for j in order]
        buffers = {
            "above": torch.tensor(above),
            "order": torch.tensor(order),
            "place": torch.argsort(torch.tensor(order)),
            "up": torch.tensor(parents).clamp(min=0),
        }
        for name, value in buffers.items():
            self.register_buffer(name, value, persistent=False)

    def accumulate(self, rotations: Tensor) -> Tensor:
        """Rotations relative to the parent [J, 3, 3, B] to rotations in the world."""
        local = rotations.index_select(0, self.order)
        levels = [local[:1]]
        for start, stop in self.spans:
            up = levels[-1].index_select(0, self.above[start:stop])
            levels.append(compose(up, local[start:stop]))
        return torch.cat(levels).index_select(0, self.place)

    def relative(self, world: Tensor) -> Tensor:
        """Rotations in the world [J, 3, 3, B] to rotations relative to the parent."""
        up = world.index_select(0, self.up[1:])
        return torch.cat([world[:1], compose(transposed(up), world[1:])])

    def heads(self, world: Tensor, offsets: Tensor, root: Tensor) -> Tensor:
        """Positions of the joints [J, 3, B] in metres.

        Args:
            world: [J, 3, 3, B] rotations in the world.
            offsets: [J, 3, B or 1] from the parent to the joint where no rotation acts.
            root: [3, B] position of the root.
        """
        steps = apply(world.index_select(0, self.up), offsets).index_select(0, self.order)
        levels = [root[None]]
        for start, stop in self.spans:
            up = levels[-1].index_select(0, self.above[start:stop])
            levels.append(up + steps[start:stop])
        return torch.cat(levels).index_select(0, self.place)
