"""Joints of the SMPL-X convention to Anny's bones and back.

A bone's rotation in the world is ``G_b = M_b C_b``: ``M_b`` is the rotation of the SMPL-X joint
that drives it, relative to the T-pose, and ``C_b`` brings Anny's identity pose into the T-pose
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
from avatar_kit_anny.framewise import compose, frames_first, frames_last, transposed
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


#: Share of the shoulder's rotation that the shoulder blade takes over: raised arms lift it.
SHOULDER_SHARE = 1 / 4

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
    "shoulder01": Drive("{}_collar", "{}_shoulder", SHOULDER_SHARE),
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

    joint: Tensor
    shared: Tensor
    extra: Tensor
    share: Tensor
    twists: Tensor
    axes: Tensor
    known: Tensor
    told: Tensor
    elbows: Tensor
    shoulders: Tensor
    elbow_axes: Tensor

    def __init__(self, bones: tuple[str, ...]):
        super().__init__()
        joint = SMPLX_JOINTS.index
        drives = [drive(bone) for bone in bones]
        shared = [i for i, d in enumerate(drives) if d.extra]
        told = representatives()
        elbows = [joint(f"{side}_elbow") for _, side in _SIDES]
        buffers = {
            "joint": torch.tensor([joint(d.joint) for d in drives]),
            "shared": torch.tensor(shared),
            "extra": torch.tensor([joint(drives[i].extra) for i in shared]),
            "share": torch.tensor([drives[i].share for i in shared]),
            "twists": torch.tensor([drives[i].part == "twist" for i in shared]),
            "axes": torch.stack([_limb_axis(drives[i].extra) for i in shared]),
            "known": torch.tensor([joint(name) for name in told]),
            "told": torch.tensor([bones.index(bone) for bone in told.values()]),
            "elbows": torch.tensor(elbows),
            "shoulders": torch.tensor([SMPLX_PARENTS[i] for i in elbows]),
            "elbow_axes": torch.stack([_limb_axis(SMPLX_JOINTS[i]) for i in elbows]),
        }
        for name, value in buffers.items():
            self.register_buffer(name, value, persistent=False)
        self.smplx = Skeleton(SMPLX_PARENTS)

    def forward(self, rotvec: Tensor, calibration: Tensor) -> Tensor:
        """World rotations of the bones.

        Args:
            rotvec: [T, 55, 3] axis-angle, SMPL-X order.
            calibration: [J, 3, 3, T or 1] from :func:`~avatar_kit_anny.calibration.t_pose`.

        Returns:
            [J, 3, 3, T].
        """
        local = rotvec.index_select(1, self.extra)
        angle = twist_angle(roma.rotvec_to_unitquat(local), self.axes)
        twist = angle[..., None] * self.axes
        added = torch.where(self.twists[:, None], twist, local) * self.share[:, None]
        matrices = roma.rotvec_to_rotmat(torch.cat([rotvec, added], 1))
        turns = frames_last(matrices).contiguous()
        world = self.smplx.accumulate(turns[: len(SMPLX_JOINTS)]).index_select(0, self.joint)
        turned = compose(world.index_select(0, self.shared), turns[len(SMPLX_JOINTS) :])
        return compose(world.index_copy(0, self.shared, turned), calibration)

    def inverse(self, world: Tensor, calibration: Tensor) -> Tensor:
        """[T, 55, 3] axis-angle of the SMPL-X joints; zero for the jaw.

        Args:
            world: [J, 3, 3, T] world rotations of the bones.
            calibration: As in :meth:`forward`.
        """
        bones = compose(world, transposed(calibration)).index_select(0, self.told)
        rows = [bones[:1]] * len(SMPLX_JOINTS)
        for row, joint in zip(bones.split(1), self.known.tolist(), strict=True):
            rows[joint] = row
        jaw = SMPLX_JOINTS.index("jaw")
        rows[jaw] = rows[SMPLX_PARENTS[jaw]]
        joints = torch.cat(rows)
        # lowerarm01 carries half of the elbow's twist: the joint has it twice
        shoulder = joints.index_select(0, self.shoulders)
        elbow = joints.index_select(0, self.elbows)
        bend = frames_first(compose(transposed(shoulder), elbow))
        half = twist_angle(roma.rotmat_to_unitquat(bend), self.elbow_axes)
        rest = frames_last(roma.rotvec_to_rotmat(half[..., None] * self.elbow_axes))
        joints = joints.index_copy(0, self.elbows, compose(elbow, rest))
        return roma.rotmat_to_rotvec(frames_first(self.smplx.relative(joints)))


def _limb_axis(joint: str) -> Tensor:
    """[3] T-pose direction of the limb a joint twists about."""
    if joint.endswith(("hip", "knee", "ankle")):
        return torch.tensor([0.0, -1.0, 0.0])
    return torch.tensor([1.0 if joint.startswith("left") else -1.0, 0.0, 0.0])
