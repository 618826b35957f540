"""Forward kinematics of a joint tree: one batched product a level."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avatar_kit_anny.identity import Identity


class Skeleton(nn.Module):
    """A tree of joints.

    Args:
        parents: Parent index of every joint; the root comes first and has -1.
    """

    def __init__(self, parents: Sequence[int]):
        super().__init__()
        depth: list[int] = []
        for parent in parents:
            depth.append(0 if parent < 0 else depth[parent] + 1)
        order = sorted(range(len(parents)), key=lambda joint: (depth[joint], joint))
        place = {joint: i for i, joint in enumerate(order)}
        starts = [sum(d < level for d in depth) for level in range(max(depth) + 2)]
        self.spans = list(zip(starts[1:-1], starts[2:], strict=True))
        # place of each joint's parent among the joints of the level above
        above = [0 if parents[j] < 0 else place[parents[j]] - starts[depth[j] - 1] for j in order]
        self.register_buffer("above", torch.tensor(above), persistent=False)
        self.register_buffer("order", torch.tensor(order), persistent=False)
        self.register_buffer("place", torch.argsort(torch.tensor(order)), persistent=False)
        up = torch.tensor(parents).clamp(min=0)
        self.register_buffer("up", up, persistent=False)

    def accumulate(self, rotations: Tensor) -> Tensor:
        """Rotations relative to the parent [B, J, 3, 3] to rotations in the world."""
        local = rotations[:, self.order]
        levels = [local[:, :1]]
        for start, stop in self.spans:
            levels.append(levels[-1][:, self.above[start:stop]] @ local[:, start:stop])
        return torch.cat(levels, 1)[:, self.place]

    def relative(self, world: Tensor) -> Tensor:
        """Rotations in the world [B, J, 3, 3] to rotations relative to the parent."""
        return torch.cat([world[:, :1], world[:, self.up[1:]].mT @ world[:, 1:]], 1)

    def heads(self, world: Tensor, offsets: Tensor, root: Tensor) -> Tensor:
        """Positions of the joints [B, J, 3] in metres.

        Args:
            world: [B, J, 3, 3] rotations in the world.
            offsets: [B or 1, J, 3] from the parent to the joint where no rotation acts.
            root: [B, 3] position of the root.
        """
        steps = (world[:, self.up] @ offsets[..., None])[..., 0][:, self.order]
        levels = [root[:, None]]
        for start, stop in self.spans:
            levels.append(levels[-1][:, self.above[start:stop]] + steps[:, start:stop])
        return torch.cat(levels, 1)[:, self.place]


def skinning_transforms(world: Tensor, heads: Tensor, identity: Identity) -> Tensor:
    """[B, J, 3, 4] what carries a point of the rest surface along with each bone."""
    rotation = world @ identity.turn
    shift = heads - (rotation @ identity.heads[..., None])[..., 0]
    return torch.cat([rotation, shift[..., None]], -1)
