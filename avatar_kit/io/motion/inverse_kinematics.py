"""From the places of joints to how they turn.

Places do not tell every turn: what hangs on one joint alone turns as little as it can, an upper arm
or thigh so that elbow or knee bends forward or backward, and the end of a chain as its parent does.
"""

from __future__ import annotations

import roma
import torch
from torch import Tensor
from torch.nn import functional as F

from avatar_kit.scene.joints import BODY_JOINTS, SMPLX_JOINTS, SMPLX_PARENTS
from avatar_kit.scene.skeleton import rest_offsets

#: Joints whose places are needed: the pelvis and those of the body.
JOINTS = len(BODY_JOINTS) + 1

#: Joint whose twist shows in the bending of the next bone, and where that bends to in the T-pose.
_HINGES = {"shoulder": (0.0, 0.0, 1.0), "hip": (0.0, 0.0, -1.0)}

#: Sines of the bending from which on it tells the twist: not at all, and fully.
_TELLS = (0.1, 0.35)


def rotations_from(places: Tensor) -> Tensor:
    """[T, 22, 3] axis-angle of pelvis and body joints, the pelvis' in the world.

    Args:
        places: [T, 22, 3] of the joints in the SMPL-X order; any unit, bones of any length.
    """
    places = places.double()
    rest = torch.cat([torch.zeros(1, 3), rest_offsets()]).double()
    children = [[c for c in range(JOINTS) if SMPLX_PARENTS[c] == j] for j in range(JOINTS)]
    world: list[Tensor] = []
    local: list[Tensor] = []
    for joint in range(JOINTS):
        parent = SMPLX_PARENTS[joint]
        above = world[parent] if parent >= 0 else torch.eye(3).double().expand(len(places), 3, 3)
        turned = above
        if len(children[joint]) > 1:
            turned = _fitted(places, rest, joint, children[joint])
        elif children[joint]:
            turned = _laid(places, rest, joint, children[joint][0], above)
            turned = _twisted(turned, places, rest, joint, children)
        world.append(turned)
        local.append(above.mT @ turned)
    return roma.rotmat_to_rotvec(torch.stack(local, 1))


def _fitted(places: Tensor, rest: Tensor, joint: int, children: list[int]) -> Tensor:
    """[T, 3, 3] the rotation that brings several bones nearest to where they are."""
    total = torch.zeros(len(places), 3, 3, dtype=torch.float64)
    for child in children:
        bone = F.normalize(places[:, child] - places[:, joint], dim=1)
        total = total + bone[:, :, None] * rest[child]
    return roma.special_procrustes(total)


def _laid(places: Tensor, rest: Tensor, joint: int, child: int, above: Tensor) -> Tensor:
    """[T, 3, 3] the smallest further turn of a bone that lays it where it is."""
    bone = F.normalize(places[:, child] - places[:, joint], dim=1)
    usual = (above @ F.normalize(rest[child], dim=0)[:, None])[..., 0]
    return smallest_turn(usual, bone) @ above


def _twisted(
    turned: Tensor, places: Tensor, rest: Tensor, joint: int, children: list[list[int]]
) -> Tensor:
    """A limb's first bone turned about its length, so that the next bone bends as it can."""
    bends_to = _HINGES.get(SMPLX_JOINTS[joint].partition("_")[2])
    if bends_to is None:
        return turned
    middle = children[joint][0]
    end = children[middle][0]
    bone = F.normalize(places[:, middle] - places[:, joint], dim=1)
    straight = F.normalize((turned @ F.normalize(rest[end], dim=0)[:, None])[..., 0], dim=1)
    expected = _across((turned @ torch.tensor(bends_to).double()[:, None])[..., 0], bone)
    seen = _across(F.normalize(places[:, end] - places[:, middle], dim=1) - straight, bone)
    sine = seen.norm(dim=1)
    angle = torch.atan2(
        (torch.linalg.cross(expected, seen) * bone).sum(1), (expected * seen).sum(1)
    )
    share = ((sine - _TELLS[0]) / (_TELLS[1] - _TELLS[0])).clamp(0, 1)
    return roma.rotvec_to_rotmat(bone * (share * angle)[:, None]) @ turned


def _across(vector: Tensor, axis: Tensor) -> Tensor:
    return vector - (vector * axis).sum(1, keepdim=True) * axis


def smallest_turn(start: Tensor, end: Tensor) -> Tensor:
    """[..., 3, 3] the smallest rotation of unit vectors [..., 3] onto others."""
    axis = torch.linalg.cross(start, end)
    sine, cosine = axis.norm(dim=-1, keepdim=True), (start * end).sum(-1, keepdim=True)
    opposite = (sine < 1e-9) & (cosine < 0)
    any_axis = torch.eye(3, dtype=start.dtype)[start.abs().argmin(-1)]
    across = torch.linalg.cross(start, any_axis)
    axis = torch.where(opposite, across, axis)
    return roma.rotvec_to_rotmat(F.normalize(axis, dim=-1) * torch.atan2(sine, cosine))
