"""Where the joints of the SMPL-X convention lie in a body, found by turning them."""

from __future__ import annotations

import math

import roma
import torch
from torch import Tensor

from avatar_kit.interfaces import Avatar
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import SMPLX_JOINTS

#: The turn by which a joint is found, radians.
TURN = math.radians(3)

#: How far the turn of a bone may be off it.
_SAME = 1e-3

#: Joints that are turned at once; each about three axes.
_AT_ONCE = 11


@torch.no_grad()
def joint_centres(avatar: Avatar, turned: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The place that the rotations of a joint leave where it is, in the T-pose of the person.

    It is looked for in the first bone that turns as the joint does, about each of three axes.

    Args:
        avatar: Whose body it is.
        turned: What :func:`turned_bones` says of it, where that is known.

    Returns:
        [55, 3] metres from the pelvis joint; and [55] bool, whether a bone turns with the joint:
        where none does, the place is 0.
    """
    count = len(SMPLX_JOINTS)
    centres, found = torch.zeros(count, 3), torch.zeros(count, dtype=torch.bool)
    found[0] = True
    turns = roma.rotvec_to_rotmat((TURN * torch.eye(3)).double())
    turned = turned_bones(avatar) if turned is None else turned
    for joint in range(1, count):
        centre = _fixed_point(turned[joint], turns)
        if centre is not None:
            centres[joint], found[joint] = centre.float(), True
    return centres, found


@torch.no_grad()
def turned_bones(avatar: Avatar) -> Tensor:
    """What each joint does to the bones of the T-pose when it turns by :data:`TURN`.

    Returns:
        [55, 3 axes, J, 4, 4] what carries the bones there, with the pelvis at the origin.
    """
    count = len(SMPLX_JOINTS)
    back = torch.linalg.inv(bones_of_joints(avatar, torch.zeros(1, count, 3)))
    found = []
    for first in range(0, count, _AT_ONCE):
        joints = range(first, min(first + _AT_ONCE, count))
        poses = torch.zeros(len(joints), 3, count, 3)
        for row, joint in enumerate(joints):
            poses[row, :, joint] = TURN * torch.eye(3)
        moved = bones_of_joints(avatar, poses.flatten(0, 1)) @ back
        found.append(moved.unflatten(0, (len(joints), 3)))
    return torch.cat(found)


def bones_of_joints(avatar: Avatar, rotvec: Tensor) -> Tensor:
    """[B, J, 4, 4] bones of the person in poses [B, 55, 3] with the pelvis at the origin.

    Args:
        avatar: Whose body it is.
        rotvec: [B, 55, 3] axis-angle, SMPL-X order.
    """
    frames = len(rotvec)
    motion = Motion.from_rotvec(
        30.0, torch.zeros(frames, 3), rotvec, torch.zeros(frames, 52), torch.ones(frames)
    ).to(avatar.shape.device)
    return avatar.body(avatar.body.from_motion(motion, avatar.shape)).bone_transforms.cpu().double()


def _fixed_point(moved: Tensor, turns: Tensor) -> Tensor | None:
    """[3] the point that stays, of bones moved [3 axes, J, 4, 4] by turns [3 axes, 3, 3]."""
    off = (moved[:, :, :3, :3] - turns[:, None]).abs().amax((0, 2, 3))
    turned = (off < _SAME).nonzero()[:, 0]
    if not len(turned):
        return None
    matrix = (torch.eye(3).double() - turns).reshape(9, 3)
    shift = moved[:, turned[0], :3, 3].reshape(9, 1)
    return torch.linalg.lstsq(matrix, shift).solution[:, 0]
