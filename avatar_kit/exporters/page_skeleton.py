"""How the bones of any body follow the joints of the SMPL-X convention, as the page takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import roma
import torch
from torch import Tensor

from avatar_kit.exporters.joint_centres import TURN, bones_of_joints, joint_centres, turned_bones
from avatar_kit.interfaces import Avatar
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import (
    BODY_JOINTS,
    BODY_KEYPOINTS,
    HAND_KEYPOINTS,
    SMPLX_JOINTS,
    SMPLX_PARENTS,
)

#: A share of a joint's rotation that is smaller is none, and as far may a share be off a whole.
_SAME = 0.02

#: Random poses that the bones are compared in: how many, and the spread of an angle in radians.
_POSES, _SPREAD = 8, 0.4

#: Knuckles that tell how a hand is turned.
_KNUCKLES = ("index1", "pinky1")


@dataclass(frozen=True)
class Share:
    """A part of the rotation of a joint that a bone takes: ``R ** whole @ twist(R) ** twist``.

    Attributes:
        joint: Index in ``SMPLX_JOINTS``.
        whole: Power of the rotation.
        twist: Power of its twist about the axis.
        axis: [3] unit.
    """

    joint: int
    whole: float
    twist: float
    axis: Tensor


@dataclass(frozen=True)
class Follower:
    """What a bone follows: a joint with all joints above it, and shares of joints below that.

    Attributes:
        joint: Index in ``SMPLX_JOINTS``; -1: none.
        shares: In the order of the skeleton, from the pelvis on.
    """

    joint: int
    shares: tuple[Share, ...]


@dataclass(frozen=True)
class PageSkeleton:
    """A body that rotations of joints drive, for a page that has no body model.

    Attributes:
        followers: Of each bone.
        still: [J, 3, 3] rotations of the bones in the world in the T-pose.
        points: Name -> [3] metres, joints of the limbs and key points in the T-pose.
        off: Largest angle between a bone of the body and what this says, in random poses, degrees.
    """

    followers: tuple[Follower, ...]
    still: Tensor
    points: dict[str, Tensor]
    off: float

    def facts(self) -> dict[str, Any]:
        """The same as JSON: quaternions are xyzw."""
        still = roma.rotmat_to_unitquat(self.still)
        return {
            "joints": SMPLX_JOINTS,
            "parents": SMPLX_PARENTS,
            "bones": [
                {
                    "joint": bone.joint,
                    "shares": [[s.joint, s.whole, s.twist, *_short(s.axis)] for s in bone.shares],
                    "still": _short(turn),
                }
                for bone, turn in zip(self.followers, still, strict=True)
            ],
            "points": {name: _short(point) for name, point in self.points.items()},
        }


@torch.no_grad()
def page_skeleton(avatar: Avatar) -> PageSkeleton:
    """Find what each bone of an avatar's body follows, by turning each joint a little."""
    still = bones_of_joints(avatar, torch.zeros(1, len(SMPLX_JOINTS), 3))[0, :, :3, :3]
    turned = turned_bones(avatar)
    # what a bone turns by, of what a joint turns by: [J, 55, 3, 3]
    shares = (roma.rotmat_to_rotvec(turned[..., :3, :3]) / TURN).permute(2, 0, 3, 1)
    followers = tuple(_follower(bone) for bone in shares)
    points = _points(avatar, turned)
    return PageSkeleton(followers, still, points, _off(avatar, followers, still))


def _follower(shares: Tensor) -> Follower:
    """What a bone follows that turns by shares [55, 3, 3] of the joints' rotations."""
    found = [_share(joint, share) for joint, share in enumerate(shares.double())]
    kept = [share for share in found if abs(share.whole) > _SAME or abs(share.twist) > _SAME]
    joint = -1
    while (
        kept and kept[0].whole == 1 and kept[0].twist == 0 and SMPLX_PARENTS[kept[0].joint] == joint
    ):
        joint = kept.pop(0).joint
    return Follower(joint, tuple(kept))


def _share(joint: int, share: Tensor) -> Share:
    """A share [3, 3] as one about all axes and another about one of them."""
    values, axes = torch.linalg.eigh((share + share.mT) / 2)
    low, middle, high = values.tolist()
    alone = 2 if middle - low < high - middle else 0
    whole = (low + middle) / 2 if alone == 2 else (middle + high) / 2
    return Share(joint, _rounded(whole), _rounded(values[alone].item() - whole), axes[:, alone])


def _rounded(share: float) -> float:
    """A share as it was meant: finite differences are off by a little."""
    whole = round(share)
    return float(whole) if abs(share - whole) < _SAME else round(share, 3)


def _points(avatar: Avatar, turned: Tensor) -> dict[str, Tensor]:
    """Points of the T-pose [3] that landmarks are compared with: joints of the limbs, key points
    of head, feet and knuckles; from the pelvis joint.
    """
    rest = Motion.rest(1).to(avatar.shape.device)
    points = avatar.body.keypoints(avatar.body.from_motion(rest, avatar.shape))[0].cpu()
    found = dict(zip(BODY_KEYPOINTS, points - rest.transl[0].cpu(), strict=False))
    first = len(BODY_KEYPOINTS)
    for side in ("left", "right"):
        for name in _KNUCKLES:
            found[f"{side}_{name}"] = points[first + HAND_KEYPOINTS.index(name)]
        first += len(HAND_KEYPOINTS)
    centres, known = joint_centres(avatar, turned)
    for name in BODY_JOINTS:
        joint = SMPLX_JOINTS.index(name)
        if name in found and known[joint]:
            found[name] = centres[joint]
    return found


def _off(avatar: Avatar, followers: tuple[Follower, ...], still: Tensor) -> float:
    """Degrees that a bone is off at most, in random poses."""
    random = torch.Generator().manual_seed(0)
    poses = _SPREAD * torch.randn(_POSES, len(SMPLX_JOINTS), 3, generator=random)
    true = bones_of_joints(avatar, poses)[:, :, :3, :3]
    found = followed(followers, still, poses)
    angles = roma.rotmat_geodesic_distance(true, found)
    return float(torch.rad2deg(angles).nan_to_num(nan=180.0).max())


def followed(followers: tuple[Follower, ...], still: Tensor, poses: Tensor) -> Tensor:
    """[B, J, 3, 3] rotations of bones in the world.

    Args:
        followers: What each follows.
        still: [J, 3, 3] rotations in the T-pose.
        poses: [B, 55, 3] axis-angle of the joints of SMPL-X.
    """
    poses, still = poses.double(), still.double()
    local = roma.rotvec_to_rotmat(poses)
    world: list[Tensor] = []
    for joint, parent in enumerate(SMPLX_PARENTS):
        world.append(local[:, joint] if parent < 0 else world[parent] @ local[:, joint])
    bones = []
    for bone, turn in zip(followers, still, strict=True):
        start = torch.eye(3).double().expand(len(poses), 3, 3)
        turned = start if bone.joint < 0 else world[bone.joint]
        for share in bone.shares:
            turned = turned @ _part(share, poses[:, share.joint])
        bones.append(turned @ turn)
    return torch.stack(bones, 1)


def _part(share: Share, rotvec: Tensor) -> Tensor:
    """[B, 3, 3] a share of rotations [B, 3]."""
    quaternion = roma.rotvec_to_unitquat(rotvec)
    along = quaternion[:, :3] @ share.axis
    angle = 2 * torch.atan2(along, quaternion[:, 3])
    twist = share.twist * angle[:, None] * share.axis
    return roma.rotvec_to_rotmat(share.whole * rotvec) @ roma.rotvec_to_rotmat(twist)


def _short(values: Tensor) -> list[float]:
    return [round(value, 6) for value in values.tolist()]
