"""From the frames of a BVH skeleton to the SMPL-X joint convention.

A BVH file says how each joint turns, but not what its axes mean: the pose at zero angles may be a
T-pose or nothing anatomical at all. So for every joint we look for a constant C with M = G C, where
G is the joint's rotation in the world and M the rotation relative to our T-pose.

* Pelvis: up is towards the spine, left from the right to the left hip.
* All others: of the 24 ways to lay our axes on the joint's axes, the one that keeps the joint
  closest to its parent over the clip.
* Arms, legs and feet: only ways that lay the T-pose direction of the bone (arms along +-x, legs
  along -y) on the bone, then turned by the small angle that makes it exact. A foot's T-pose
  direction is the slope it has while it stands.
* Upper arms and thighs: of these, the way by which elbows bend forward and knees backward, if they
  bend enough to tell.
* Wrists, elbows and knees: the way of the joint before them wins where it is nearly as close,
  because rigs keep the axes along a limb.
* Toes: in line with the foot while it stands.

A skeleton that has the names of SMPL-X's body joints, and at zero angles stands in our T-pose, is
taken as it is: C is the identity, and its fingers and eyes are read, too.
"""

from __future__ import annotations

import itertools
import logging
import math
import re
from dataclasses import replace
from pathlib import Path

import roma
import torch
from torch import Tensor
from torch.nn import functional as F

from avatar_kit.errors import UserError
from avatar_kit.io.motion.bvh import Bvh, read_bvh
from avatar_kit.io.motion.bvh_skeleton import match_joints
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import BODY_JOINTS, SMPLX_JOINTS, SMPLX_PARENTS

logger = logging.getLogger(__name__)

#: Limb joint -> the next joint along its bone and the bone's direction in the T-pose.
LIMBS: dict[str, tuple[str, tuple[float, float, float]]] = {
    f"{side}_{joint}": (f"{side}_{child}", direction)
    for side, x in (("left", 1.0), ("right", -1.0))
    for joint, child, direction in (
        ("hip", "knee", (0.0, -1.0, 0.0)),
        ("knee", "ankle", (0.0, -1.0, 0.0)),
        ("shoulder", "elbow", (x, 0.0, 0.0)),
        ("elbow", "wrist", (x, 0.0, 0.0)),
    )
}

#: Joint whose twist shows in the bending of the next limb, and where that bends to.
_HINGES = {"shoulder": (0.0, 0.0, 1.0), "hip": (0.0, 0.0, -1.0)}

#: Mean sine of the bending from which it is trusted.
_CLEAR_BEND = 0.15

#: How much further from the parent a joint may be for its limb's axes to win, radians.
_SAME_AXES_BONUS = math.radians(30)

#: Enough frames to choose axes by.
_SAMPLES = 500

#: Units in metres, in the order in which they are tried, and the legs that people have in metres.
_UNITS = {"metres": 1.0, "centimetres": 0.01, "millimetres": 0.001, "inches": 0.0254}
_LEGS = (0.5, 1.2)

#: Legs of a skeleton whose unit is unknown.
_LEG_LENGTH = 0.8

_FINGERS = re.compile(r"thumb|index|pinky|ring")

#: Cosine of the angle that a bone of a T-pose may be off its direction.
_ALONG = math.cos(math.radians(10))


def load_bvh(path: Path) -> Motion:
    """Read a BVH file as a motion, in the file's own world axes and metres.

    The unit is told by the length of the legs: metres, centimetres, millimetres or inches; a
    skeleton in none of them is scaled to legs of 0.8 m, and a warning says so.

    Raises:
        UserError: See :func:`read_bvh` and :func:`match_joints`; or the file has no frames.
    """
    bvh = read_bvh(path)
    frames = len(bvh.values)
    if frames == 0:
        raise UserError(f"{path}: the motion has no frames")
    ours = _named_as_ours(bvh)
    joints = ours or match_joints(bvh.joints, path)
    if not ours and any(_FINGERS.search(j.name.lower()) for j in bvh.joints if j.channels):
        logger.warning("%s: fingers of a skeleton with other names than ours stay at rest", path)
    rotations, positions = bvh.pose()
    every = slice(None, None, max(1, frames // _SAMPLES))
    if ours:
        constants = dict.fromkeys(joints, torch.eye(3, dtype=torch.float64))
    else:
        constants = _constants(bvh, joints, rotations[every], positions[every])
    world: dict[str, Tensor] = {}
    local = []
    for name, parent in zip(SMPLX_JOINTS, SMPLX_PARENTS, strict=True):
        above = world[SMPLX_JOINTS[parent]] if parent >= 0 else torch.eye(3).double()
        known = name in joints
        world[name] = rotations[:, joints[name]] @ constants[name] if known else above
        local.append((above.mT @ world[name]).expand(frames, 3, 3))
    return Motion.from_rotvec(
        bvh.fps,
        (positions[:, joints["pelvis"]] * _scale(bvh, joints, positions, path)).float(),
        roma.rotmat_to_rotvec(torch.stack(local, 1)).float(),
        torch.zeros(frames, 52),
        torch.ones(frames),
    )


def _named_as_ours(bvh: Bvh) -> dict[str, int]:
    """SMPL-X joint -> index, of a skeleton that is called so and stands in the T-pose; else empty.

    Its zero pose may be off the directions of the T-pose by a few degrees, as people are.
    """
    found = {name: bvh.index(name) for name in SMPLX_JOINTS if name in bvh.names}
    if not {"pelvis", *BODY_JOINTS} <= found.keys() or bvh.joints[found["pelvis"]].parent >= 0:
        return {}
    still = replace(bvh, values=torch.zeros(1, bvh.values.shape[1]).double())
    at = still.pose()[1][0]
    for name, (child, direction) in LIMBS.items():
        bone = F.normalize(at[found[child]] - at[found[name]], dim=0)
        if float(bone @ torch.tensor(direction).double()) < _ALONG:
            return {}
    return found


def _scale(bvh: Bvh, joints: dict[str, int], positions: Tensor, path: Path) -> float:
    """Metres in a unit of the file, by the length of the legs; says so where no unit fits."""
    chain = ("hip", "knee", "ankle")
    hip, knee, ankle = (positions[:, joints[f"left_{j}"]] for j in chain)
    leg = float(((hip - knee).norm(dim=1) + (knee - ankle).norm(dim=1)).median())
    if not leg > 0:
        below = [torch.tensor(bvh.joints[joints[f"left_{j}"]].offset) for j in chain[1:]]
        leg = float(sum(offset.norm() for offset in below))
    if not leg > 0:
        raise UserError(f"{path}: the legs of its skeleton have no length")
    for metres in _UNITS.values():
        if _LEGS[0] <= leg * metres <= _LEGS[1]:
            return metres
    logger.warning(
        "%s: legs of %.3g units are no person's in %s: taken for legs of %.1f m",
        path, leg, ", ".join(_UNITS), _LEG_LENGTH,
    )  # fmt: skip
    return _LEG_LENGTH / leg


def _constants(
    bvh: Bvh, joints: dict[str, int], rotations: Tensor, positions: Tensor
) -> dict[str, Tensor]:
    """The constant C [3, 3] of every joint the skeleton has."""
    at = {name: positions[:, i] for name, i in joints.items()}
    found = {"pelvis": _pelvis(rotations[:, joints["pelvis"]], at)}
    world = {"pelvis": rotations[:, joints["pelvis"]] @ found["pelvis"]}
    up = F.normalize(world["pelvis"][:, :, 1].mean(0), dim=0)
    for name, parent in zip(SMPLX_JOINTS[1:], SMPLX_PARENTS[1:], strict=True):
        above = world[SMPLX_JOINTS[parent]]
        if name not in joints:
            world[name] = above
            continue
        turned = rotations[:, joints[name]]
        if name in LIMBS:
            usual = found.get(SMPLX_JOINTS[parent])
            found[name] = _limb(name, turned, above, at, usual)
        elif name.endswith("ankle"):
            found[name] = _ankle(
                turned, above, at[name], _foot_end(bvh, joints, name, positions), up
            )
        elif name.endswith("foot"):
            low = _standing(at[SMPLX_JOINTS[parent]], up)
            found[name] = roma.special_procrustes((above.mT @ turned)[low].mean(0)).mT
        else:
            usual = found[SMPLX_JOINTS[parent]] if name.endswith("wrist") else None
            found[name] = _closest(turned, above, axis_turns(), usual)
        world[name] = turned @ found[name]
    return found


def _limb(
    name: str, turned: Tensor, above: Tensor, at: dict[str, Tensor], usual: Tensor | None
) -> Tensor:
    """C of an upper or lower arm or leg; ``usual`` is that of the joint before it."""
    child, direction = LIMBS[name]
    ways = _along_bone(turned, at[child] - at[name], torch.tensor(direction).double())
    bends_to = _HINGES.get(name.partition("_")[2])
    if bends_to is not None:
        next_bone = F.normalize(at[LIMBS[child][0]] - at[child], dim=1)
        seen = (turned[:, None] @ ways).mT @ next_bone[:, None, :, None]
        bend = seen[..., 0].mean(0) @ torch.tensor(bends_to).double()
        if bend.max() > _CLEAR_BEND:
            return ways[bend.argmax()]
        usual = None
    return _closest(turned, above, ways, usual)


def _ankle(turned: Tensor, above: Tensor, ankle: Tensor, end: Tensor | None, up: Tensor) -> Tensor:
    """C of an ankle; ``end`` [T, 3] is where the foot's bone ends."""
    if end is None:
        return _closest(turned, above, axis_turns())
    bone = F.normalize(end - ankle, dim=1)
    slope = torch.asin((bone[_standing(ankle, up)] @ -up).clamp(-1, 1)).median()
    slope = slope.clamp(0.0, math.radians(60))
    forward = torch.stack([torch.zeros_like(slope), -slope.sin(), slope.cos()])
    # the slope is a guess: a way that lays the foot less well on its bone may be the right one
    return _closest(turned, above, _along_bone(turned, bone, forward, least=0.3))


def _standing(ankle: Tensor, up: Tensor) -> Tensor:
    """[T] bool: the frames in which an ankle [T, 3] is lowest, three in ten."""
    height = ankle @ up
    return height <= height.quantile(0.3)


def _foot_end(bvh: Bvh, joints: dict[str, int], ankle: str, positions: Tensor) -> Tensor | None:
    """The toes, or the end site of the foot, [T, 3]."""
    below = [i for i, joint in enumerate(bvh.joints) if joint.parent == joints[ankle]]
    end = joints.get(ankle.replace("ankle", "foot"), below[0] if below else None)
    return None if end is None else positions[:, end]


def axis_turns() -> Tensor:
    """[24, 3, 3] the rotations that lay axes on axes."""
    turns = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            matrix = torch.zeros(3, 3, dtype=torch.float64)
            matrix[range(3), list(order)] = torch.tensor(signs).double()
            if torch.det(matrix) > 0:
                turns.append(matrix)
    return torch.stack(turns)


def _closest(turned: Tensor, above: Tensor, ways: Tensor, usual: Tensor | None = None) -> Tensor:
    """The way [3, 3] that keeps the joint closest to its parent, by the median angle."""
    angle = _angle(above.mT[:, None] @ turned[:, None] @ ways).median(0).values
    if usual is not None:
        angle = angle - _SAME_AXES_BONUS * (_angle(usual.mT @ ways) < math.radians(30))
    return ways[angle.argmin()]


def _angle(rotation: Tensor) -> Tensor:
    """Angle [...] in radians of rotations [..., 3, 3]."""
    trace = rotation.diagonal(dim1=-2, dim2=-1).sum(-1)
    return torch.acos(((trace - 1) / 2).clamp(-1, 1))


def _along_bone(turned: Tensor, bone: Tensor, direction: Tensor, *, least: float = 0.02) -> Tensor:
    """The ways [N, 3, 3] that lay ``direction`` exactly on the bone.

    Args:
        turned: [T, 3, 3] world rotation of the joint.
        bone: [T, 3] world vector along the bone.
        direction: [3] the bone's unit direction in the T-pose.
        least: How much less well than the best a way may lay it there before, as a cosine.
    """
    local = F.normalize((turned.mT @ bone[..., None])[..., 0].mean(0), dim=0)
    ways = axis_turns()
    fit = (ways @ direction) @ local
    ways = ways[fit > fit.max() - least]
    return torch.stack([_swing(way @ direction, local) @ way for way in ways])


def _swing(a: Tensor, b: Tensor) -> Tensor:
    """The smallest rotation [3, 3] that takes unit vector a [3] to b [3] (not opposite)."""
    axis = torch.linalg.cross(a, b)
    angle = torch.atan2(axis.norm(), a @ b)
    return roma.rotvec_to_rotmat(F.normalize(axis, dim=0) * angle)


def _pelvis(turned: Tensor, at: dict[str, Tensor]) -> Tensor:
    """C of the pelvis; laid on the joint's axes where it is within 20 degrees of them."""
    # the first spine joint may lie in the pelvis, or lean: the chest is above it in any skeleton
    names = [name for name in ("spine3", "neck", "head", "spine1") if name in at]
    spines = [at[name] - at["pelvis"] for name in names]
    hips = at["left_hip"] - at["right_hip"]
    least = 0.1 * hips.norm(dim=1).mean()
    spine = next((s for s in spines if s.norm(dim=1).mean() > least), spines[0])
    directions = [hips, spine]
    left, up = ((turned.mT @ d[..., None])[..., 0].mean(0) for d in directions)
    left = F.normalize(left, dim=0)
    up = F.normalize(up - (up @ left) * left, dim=0)
    exact = torch.stack([left, up, torch.linalg.cross(left, up)], dim=1)
    ways = axis_turns()
    angle = _angle(exact.mT @ ways)
    return ways[angle.argmin()] if angle.min() < math.radians(20) else exact
