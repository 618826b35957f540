"""From the frames of any skeleton to the SMPL-X joint convention.

A skeleton that has the names of SMPL-X's body joints, and was built in our T-pose, is taken as it
is, fingers and eyes as well. Of others the joints are found by name and hierarchy, and the meaning
of their axes by the pose in which they were built or by how they move.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import roma
import torch
from torch import Tensor
from torch.nn import functional as F

from avatar_kit.errors import UserError
from avatar_kit.io.motion.animated import Animated
from avatar_kit.io.motion.axes_by_motion import constants_by_motion
from avatar_kit.io.motion.axes_by_rest import constants_by_rest
from avatar_kit.io.motion.fingers import finger_constants, finger_joints
from avatar_kit.io.motion.joint_map import read_joint_map
from avatar_kit.io.motion.joint_names import match_joints
from avatar_kit.io.motion.limbs import LIMBS
from avatar_kit.io.motion.options import MotionOptions
from avatar_kit.io.motion.size import leg_scale
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import BODY_JOINTS, SMPLX_JOINTS, SMPLX_PARENTS

_FIRST_FINGER = SMPLX_JOINTS.index("left_index1")

#: Radians by which no joint of a finger is turned through most of a clip.
_MOST_BENT = math.radians(130)

#: Cosine of the angle that a bone of a T-pose may be off its direction.
_ALONG = math.cos(math.radians(10))


@dataclass(frozen=True)
class Retargeted:
    """A motion by a skeleton.

    Attributes:
        motion: In the file's own world axes, metres.
        unit: What the unit of the file was taken for.
        hands: What of hands was read.
        notes: What was guessed.
    """

    motion: Motion
    unit: str
    hands: str
    notes: tuple[str, ...]


def retarget(skeleton: Animated, path: Path, options: MotionOptions, *, built: bool) -> Retargeted:
    """The motion of a skeleton.

    Args:
        skeleton: The skeleton in motion.
        path: Its file, for messages.
        options: What the person said.
        built: Whether the pose in which it was built can be trusted to be a T- or A-pose if it
            looks like one; else the movement tells what axes mean.

    Raises:
        UserError: No frames, a joint that is needed was not found, or legs that are no person's.
    """
    frames = len(skeleton.rotations)
    if frames == 0:
        raise UserError(f"{path}: the motion has no frames")
    finite = skeleton.rotations.isfinite().all(3).all(2) & skeleton.positions.isfinite().all(2)
    bad = (~finite.all(1)).nonzero().flatten().tolist()
    if bad:
        raise UserError(
            f"{path}: pose of frame {bad[0]} is not finite (NaN or infinity; {len(bad)} frame(s) "
            "in all); mend or cut these frames"
        )
    said = read_joint_map(options.joints) if options.joints else {}
    ours = {} if said else _named_as_ours(skeleton)
    joints = ours or match_joints(skeleton.joints, path, said)
    hands, notes = "", []
    if ours:
        constants = dict.fromkeys(joints, torch.eye(3, dtype=torch.float64))
        hands = "fingers" if any("index" in name for name in joints) else ""
    else:
        constants = (constants_by_rest(skeleton, joints) if built else None) or (
            constants_by_motion(skeleton, joints)
        )
        read, unread = _add_fingers(skeleton, joints, constants, said)
        hands = f"{read} finger joints" if read else ""
        notes += unread
    metres, unit, guessed = leg_scale(_leg(skeleton, joints), path, options, skeleton.metres)
    moving = {name: c for name, c in constants.items() if said.get(name, "") is not None}
    turns = _local_turns(skeleton, joints, moving)
    if not ours:
        notes += _straighten(turns)
    motion = Motion.from_rotvec(
        skeleton.fps,
        (skeleton.positions[:, joints["pelvis"]] * metres).float(),
        turns.float(),
        torch.zeros(frames, 52),
        torch.ones(frames),
    )
    return Retargeted(motion, unit, hands, (*guessed, *notes))


def _local_turns(
    skeleton: Animated, joints: Mapping[str, int], constants: Mapping[str, Tensor]
) -> Tensor:
    """[T, 55, 3] axis-angle; joints that the skeleton lacks turn with the one above."""
    world: dict[str, Tensor] = {}
    local = []
    for name, parent in zip(SMPLX_JOINTS, SMPLX_PARENTS, strict=True):
        above = world[SMPLX_JOINTS[parent]] if parent >= 0 else torch.eye(3).double()
        known = name in joints and name in constants
        world[name] = skeleton.rotations[:, joints[name]] @ constants[name] if known else above
        local.append((above.mT @ world[name]).expand(len(skeleton.rotations), 3, 3))
    return roma.rotmat_to_rotvec(torch.stack(local, 1))


def _straighten(turns: Tensor) -> list[str]:
    """Lay joints of fingers that are turned as none can be; says how many."""
    fingers = turns[:, _FIRST_FINGER:]
    odd = fingers.norm(dim=2).median(0).values > _MOST_BENT
    fingers[:, odd] = 0.0
    count = int(odd.sum())
    return [f"{count} finger joints are turned as none can be: they stay straight"] * (count > 0)


def _add_fingers(
    skeleton: Animated,
    joints: dict[str, int],
    constants: dict[str, Tensor],
    said: Mapping[str, str | None],
) -> tuple[int, list[str]]:
    """Find the fingers of both hands; the number that was read, and notes."""
    read, notes = 0, []
    for side in ("left", "right"):
        wrist = f"{side}_wrist"
        if wrist not in joints:
            continue
        named = {
            name: i for name, i in joints.items() if name.startswith(side) and name[-1].isdigit()
        }
        fingers = {**finger_joints(skeleton, joints[wrist], side), **named}
        fingers = {name: i for name, i in fingers.items() if said.get(name, "") is not None}
        found = finger_constants(skeleton, fingers, joints[wrist], constants[wrist], side)
        if found is None:
            notes.append(f"fingers of the {side} hand do not point along it: they stay flat")
            continue
        joints |= fingers
        constants |= found
        read += len(fingers)
    return read, notes


def _named_as_ours(skeleton: Animated) -> dict[str, int]:
    """SMPL-X joint -> index, of a skeleton that is called so and built in the T-pose; else empty.

    It may be off the directions of the T-pose by a few degrees, as people are.
    """
    names = skeleton.names
    found = {name: names.index(name) for name in SMPLX_JOINTS if name in names}
    if not {"pelvis", *BODY_JOINTS} <= found.keys():
        return {}
    if skeleton.joints[found["pelvis"]].parent >= 0:
        return {}
    if not bool((skeleton.rest_rotations - torch.eye(3)).abs().max() < 1e-3):
        return {}
    at = skeleton.rest_positions
    for name, (child, direction) in LIMBS.items():
        bone = F.normalize(at[found[child]] - at[found[name]], dim=0)
        if float(bone @ torch.tensor(direction).double()) < _ALONG:
            return {}
    return found


def _leg(skeleton: Animated, joints: Mapping[str, int]) -> float:
    """Thigh and shin, file units."""
    chain = [joints[f"left_{part}"] for part in ("hip", "knee", "ankle")]

    def length(at: Tensor) -> Tensor:
        hip, knee, ankle = (at[..., i, :] for i in chain)
        return (hip - knee).norm(dim=-1) + (knee - ankle).norm(dim=-1)

    moving = float(length(skeleton.positions).median())
    return moving if moving > 0 else float(length(skeleton.rest_positions))
