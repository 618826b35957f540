"""Joints of the SMPL-X convention to Anny's bones and back.

A bone's rotation in the world is ``G_b = M_b C_b``: ``M_b`` is the rotation of the SMPL-X joint that
drives it, relative to the T-pose, and ``C_b`` brings Anny's identity pose into the T-pose
(:mod:`avatar_kit_anny.calibration`). Where Anny has several bones for one joint the rotation is
spread over them: bending evenly along spine and neck, twisting (about the T-pose axis of the limb)
evenly along arms and legs, which keeps the skin from pinching at shoulder, wrist and hip.

SMPL-X joints Anny lacks: the jaw (facial actions open the mouth), single toes have no SMPL-X joint.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import roma
import torch
from torch import Tensor, nn

from avatar_kit.scene.joints import SMPLX_JOINTS, SMPLX_PARENTS
from avatar_kit_anny.skeleton import Skeleton

_SIDES = (("L", "left"), ("R", "right"))
_FINGERS = {"thumb": 1, "index": 2, "middle": 3, "ring": 4, "pinky": 5}


class Drive(NamedTuple):
    """What turns a bone: a joint, and a share of a (further) joint's own rotation.

    Attributes:
        joint: SMPL-X joint whose rotation in the world the bone takes.
        extra: Joint of whose local rotation a share is added after it.
        share: That share.
        part: The whole rotation of ``extra``, or its twist about the limb.
    """

    joint: str
    extra: str = ""
    share: float = 0.0
    part: Literal["whole", "twist"] = "whole"


def drive(bone: str) -> Drive:
    """What drives a bone of Anny."""
    stem, _, end = bone.partition(".")
    side = dict(_SIDES).get(end, "")
    if stem in _TRUNK:
        return _TRUNK[stem]
    if stem.startswith("finger"):
        finger, place = stem.removeprefix("finger").split("-")
        name = next(name for name, number in _FINGERS.items() if number == int(finger))
        return Drive(f"{side}_{name}{place}")
    if stem.startswith("metacarpal"):
        stem = "wrist"
    if stem.startswith("toe"):
        stem = "toe"
    found = _LIMBS[stem]
    return found._replace(
        joint=found.joint.format(side), extra=found.extra.format(side) if found.extra else ""
    )


_TRUNK = {
    "root": Drive("pelvis"),
    "spine05": Drive("pelvis", "spine1", 1 / 3),
    "spine04": Drive("pelvis", "spine1", 2 / 3),
    "spine03": Drive("spine1"),
    "spine02": Drive("spine2"),
    "spine01": Drive("spine3"),
    "neck01": Drive("spine3", "neck", 1 / 3),
    "neck02": Drive("spine3", "neck", 2 / 3),
    "neck03": Drive("neck"),
    "head": Drive("head"),
}

_LIMBS = {
    "pelvis": Drive("pelvis"),
    "eye": Drive("{}_eye"),
    "clavicle": Drive("{}_collar"),
    "shoulder01": Drive("{}_collar"),
    "upperarm01": Drive("{}_shoulder", "{}_shoulder", -1 / 2, "twist"),
    "upperarm02": Drive("{}_shoulder"),
    "lowerarm01": Drive("{}_elbow", "{}_elbow", -1 / 2, "twist"),
    "lowerarm02": Drive("{}_elbow", "{}_wrist", 1 / 2, "twist"),
    "wrist": Drive("{}_wrist"),
    "upperleg01": Drive("{}_hip", "{}_hip", -1 / 2, "twist"),
    "upperleg02": Drive("{}_hip"),
    "lowerleg01": Drive("{}_knee"),
    "lowerleg02": Drive("{}_knee", "{}_ankle", 1 / 2, "twist"),
    "foot": Drive("{}_ankle"),
    "toe": Drive("{}_foot"),
}


def representatives() -> dict[str, str]:
    """SMPL-X joint -> the bone that tells its rotation; the jaw has none."""
    found = {joint.joint: bone for bone, joint in _TRUNK.items() if not joint.extra}
    for end, side in _SIDES:
        limbs = (
            ("eye", "eye"),
            ("collar", "clavicle"),
            ("shoulder", "upperarm02"),
            ("elbow", "lowerarm01"),
            ("wrist", "wrist"),
            ("hip", "upperleg02"),
            ("knee", "lowerleg01"),
            ("ankle", "foot"),
            ("foot", "toe1-1"),
        )
        found |= {f"{side}_{joint}": f"{bone}.{end}" for joint, bone in limbs}
        for name, number in _FINGERS.items():
            for i in (1, 2, 3):
                found[f"{side}_{name}{i}"] = f"finger{number}-{i}.{end}"
    return found


def twist_angle(quaternion: Tensor, axis: Tensor) -> Tensor:
    """Angle about ``axis`` of the twist in ``swing @ twist``, radians.

    Args:
        quaternion: [..., 4] unit, xyzw.
        axis: [..., 3] unit.
    """
    along = (quaternion[..., :3] * axis).sum(-1)
    return 2 * torch.atan2(along, quaternion[..., 3])


class Retarget(nn.Module):
    """Rotations of 55 SMPL-X joints to world rotations of Anny's bones, and back.

    Args:
        bones: Names of Anny's bones.
    """

    def __init__(self, bones: tuple[str, ...]):
        super().__init__()
        joint = SMPLX_JOINTS.index
        drives = [drive(bone) for bone in bones]
        shared = [i for i, d in enumerate(drives) if d.extra]
        extra = [joint(drives[i].extra) for i in shared]
        twists = [drives[i].part == "twist" for i in shared]
        axes = torch.stack([_limb_axis(drives[i].extra) for i in shared])
        told = representatives()
        known = [name for name in SMPLX_JOINTS if name in told]
        elbows = ("left_elbow", "right_elbow")
        buffers = {
            "joint": torch.tensor([joint(d.joint) for d in drives]),
            "shared": torch.tensor(shared),
            "extra": torch.tensor(extra),
            "share": torch.tensor([drives[i].share for i in shared]),
            "twists": torch.tensor(twists),
            "axes": axes,
            "known": torch.tensor([joint(name) for name in known]),
            "told": torch.tensor([bones.index(told[name]) for name in known]),
            "elbows": torch.tensor([joint(name) for name in elbows]),
            "elbow_axes": torch.stack([_limb_axis(name) for name in elbows]),
        }
        for name, value in buffers.items():
            self.register_buffer(name, value, persistent=False)
        self.smplx = Skeleton(SMPLX_PARENTS)

    def forward(self, rotvec: Tensor, calibration: Tensor) -> Tensor:
        """World rotations of the bones.

        Args:
            rotvec: [T, 55, 3] axis-angle, SMPL-X order.
            calibration: [T or 1, J, 3, 3] from :func:`~avatar_kit_anny.calibration.t_pose`.

        Returns:
            [T, J, 3, 3].
        """
        world = self.smplx.accumulate(roma.rotvec_to_rotmat(rotvec))[:, self.joint]
        local = rotvec[:, self.extra]
        angle = twist_angle(roma.rotvec_to_unitquat(local), self.axes)
        twist = angle[..., None] * self.axes
        added = torch.where(self.twists[:, None], twist, local) * self.share[:, None]
        turned = world[:, self.shared] @ roma.rotvec_to_rotmat(added)
        return world.index_copy(1, self.shared, turned) @ calibration

    def inverse(self, world: Tensor, calibration: Tensor) -> Tensor:
        """[T, 55, 3] axis-angle of the SMPL-X joints; zero for the jaw.

        Args:
            world: [T, J, 3, 3] world rotations of the bones.
            calibration: As in :meth:`forward`.
        """
        eye = torch.eye(3, dtype=world.dtype, device=world.device)
        bones = (world @ calibration.mT)[:, self.told]
        up = [max(parent, 0) for parent in SMPLX_PARENTS]
        joints = eye.expand(len(world), len(SMPLX_JOINTS), 3, 3).index_copy(1, self.known, bones)
        # lowerarm01 carries half of the elbow's twist: the local rotation needs it once more
        shoulders = torch.tensor(up, device=world.device)[self.elbows]
        elbow = joints[:, shoulders].mT @ joints[:, self.elbows]
        half = twist_angle(roma.rotmat_to_unitquat(elbow), self.elbow_axes)
        rest = roma.rotvec_to_rotmat(half[..., None] * self.elbow_axes)
        joints = joints.index_copy(1, self.elbows, joints[:, self.elbows] @ rest)
        local = self.smplx.relative(joints)
        jaw = SMPLX_JOINTS.index("jaw")
        local = local.index_copy(
            1, torch.tensor([jaw], device=world.device), eye.expand(len(world), 1, 3, 3)
        )
        return roma.rotmat_to_rotvec(local)


def _limb_axis(joint: str) -> Tensor:
    """[3] T-pose direction of the limb a joint twists about."""
    if joint.endswith(("hip", "knee", "ankle")):
        return torch.tensor([0.0, -1.0, 0.0])
    return torch.tensor([1.0 if joint.startswith("left") else -1.0, 0.0, 0.0])
