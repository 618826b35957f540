"""What the axes of a skeleton mean, by how it moves.

A file says how each joint turns, but not what its axes mean: the pose at zero angles may be a
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
"""

from __future__ import annotations

import itertools
import math

import roma
import torch
from torch import Tensor
from torch.nn import functional as F

from avatar_kit.io.motion.animated import Animated
from avatar_kit.io.motion.limbs import LIMBS
from avatar_kit.scene.joints import SMPLX_JOINTS, SMPLX_PARENTS

#: Joint whose twist shows in the bending of the next limb, and where that bends to.
_HINGES = {"shoulder": (0.0, 0.0, 1.0), "hip": (0.0, 0.0, -1.0)}

#: Mean sine of the bending from which it is trusted.
_CLEAR_BEND = 0.15

#: How much further from the parent a joint may be for its limb's axes to win, radians.
_SAME_AXES_BONUS = math.radians(30)

#: Enough frames to choose axes by.
_SAMPLES = 500


def constants_by_motion(skeleton: Animated, joints: dict[str, int]) -> dict[str, Tensor]:
    """The constant C [3, 3] of every joint of pelvis and body that the skeleton has."""
    every = slice(None, None, max(1, len(skeleton.rotations) // _SAMPLES))
    rotations, positions = skeleton.rotations[every], skeleton.positions[every]
    at = {name: positions[:, i] for name, i in joints.items()}
    found = {"pelvis": _pelvis(rotations[:, joints["pelvis"]], at)}
    world = {"pelvis": rotations[:, joints["pelvis"]] @ found["pelvis"]}
    up = F.normalize(world["pelvis"][:, :, 1].mean(0), dim=0)
    for name, parent in zip(SMPLX_JOINTS[1:22], SMPLX_PARENTS[1:22], strict=True):
        above = world[SMPLX_JOINTS[parent]]
        if name not in joints:
            world[name] = above
            continue
        turned = rotations[:, joints[name]]
        if name in LIMBS:
            usual = found.get(SMPLX_JOINTS[parent])
            found[name] = _limb(name, turned, above, at, usual)
        elif name.endswith("ankle"):
            end = _foot_end(skeleton, joints, name, positions)
            found[name] = _ankle(turned, above, at[name], end, up)
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


def _foot_end(
    skeleton: Animated, joints: dict[str, int], ankle: str, positions: Tensor
) -> Tensor | None:
    """The toes, or the end site of the foot, [T, 3]."""
    below = skeleton.children(joints[ankle])
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
