"""The mannequin's surface: one octahedron a joint."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from avatar_kit.scene import Topology
from avatar_kit.scene.joints import ARKIT_CHANNELS, SMPLX_JOINTS

#: Where the ring of an octahedron lies between the joint and its tip.
_WAIST = 0.35
#: Octahedra lie in a grid of so many cells a side in the texture.
_CELLS = 8
PART_NAMES = ("torso", "head", "left_arm", "right_arm", "left_hand", "right_hand", "legs")


def octahedra(tips: Tensor, radii: Tensor) -> tuple[Tensor, Tensor]:
    """Rest vertices about their joint: [J * 6, 3] along the bones, and [J * 6, 3] the girth."""
    along = F.normalize(tips, dim=-1)
    side = torch.where(
        along[:, 1:2].abs() > 0.7, tips.new_tensor([[1.0, 0, 0]]), tips.new_tensor([[0, 1.0, 0]])
    )
    first = F.normalize(side - (side * along).sum(-1, keepdim=True) * along, dim=-1)
    second = torch.linalg.cross(along, first)
    ring = torch.stack([first, second, -first, -second], dim=1) * radii[:, None, None]
    zero = torch.zeros_like(tips)[:, None]
    length = torch.cat([zero, tips[:, None], (_WAIST * tips)[:, None].expand(-1, 4, -1)], dim=1)
    girth = torch.cat([zero, zero, ring], dim=1)
    return length.flatten(0, 1), girth.flatten(0, 1)


def topology() -> Topology:
    """Faces counter-clockwise from outside, each octahedron in its own cell of the texture."""
    ring = torch.arange(4)
    following = (ring + 1) % 4
    upper = torch.stack([ring + 2, following + 2, torch.full((4,), 1)], -1)
    lower = torch.stack([following + 2, ring + 2, torch.full((4,), 0)], -1)
    joints = torch.arange(len(SMPLX_JOINTS))
    faces = (torch.cat([upper, lower])[None] + 6 * joints[:, None, None]).flatten(0, 1)
    place = torch.tensor(
        [[0.5, 0.95], [0.5, 0.05], [0.05, 0.5], [0.35, 0.5], [0.65, 0.5], [0.95, 0.5]]
    )
    cell = torch.stack([joints % _CELLS, joints // _CELLS], -1)
    uvs = ((cell[:, None] + place) / _CELLS).flatten(0, 1)
    parts = torch.tensor([PART_NAMES.index(_part(n)) for n in SMPLX_JOINTS])
    in_face = torch.tensor([n in ("head", "jaw") for n in SMPLX_JOINTS])
    return Topology(
        faces,
        uvs,
        faces.clone(),
        in_face.repeat_interleave(8),
        parts.repeat_interleave(6),
        PART_NAMES,
    )


def expression_basis() -> Tensor:
    """[52, V, 3] what the facial channels move: the jaw, the brow, the eyes."""
    basis = torch.zeros(len(ARKIT_CHANNELS), 6 * len(SMPLX_JOINTS), 3)
    moves = {
        "jawOpen": ("jaw", 1, (0, -0.03, 0)),
        "browInnerUp": ("head", 2, (0, 0.01, 0)),
        "eyeWideLeft": ("left_eye", 1, (0, 0, 0.005)),
        "eyeWideRight": ("right_eye", 1, (0, 0, 0.005)),
    }
    for channel, (joint, corner, by) in moves.items():
        vertex = 6 * SMPLX_JOINTS.index(joint) + corner
        basis[ARKIT_CHANNELS.index(channel), vertex] = torch.tensor(by)
    return basis


def _part(joint: str) -> str:
    side, _, name = joint.partition("_")
    if joint in ("neck", "head", "jaw") or "eye" in joint:
        return "head"
    if name in ("hip", "knee", "ankle", "foot"):
        return "legs"
    if name in ("shoulder", "elbow"):
        return f"{side}_arm"
    return f"{side}_hand" if name == "wrist" or name[-1:].isdigit() else "torso"
