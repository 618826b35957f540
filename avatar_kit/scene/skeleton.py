"""A grown person's body joints, for lengths in metres without a body model.

Round figures of a 1.7 m person in the T-pose, in the SMPL-X joint order. They need not be those of
the avatar: they only say how far a turn of a joint moves what hangs on it.
"""

from __future__ import annotations

import itertools

import roma
import torch
from torch import Tensor

from avatar_kit.scene.joints import BODY_JOINTS, SMPLX_JOINTS, SMPLX_PARENTS
from avatar_kit.scene.motion import Motion

#: Joint (left side) -> place relative to its parent, metres: left, up, forward.
_OFFSETS: dict[str, tuple[float, float, float]] = {
    "hip": (0.06, -0.09, 0.0),
    "knee": (0.04, -0.38, 0.0),
    "ankle": (-0.01, -0.42, -0.03),
    "foot": (0.04, -0.06, 0.12),
    "spine1": (0.0, 0.11, -0.02),
    "spine2": (0.0, 0.13, 0.0),
    "spine3": (0.0, 0.06, 0.02),
    "neck": (0.0, 0.21, -0.04),
    "collar": (0.08, 0.12, -0.02),
    "head": (0.0, 0.09, 0.05),
    "shoulder": (0.11, 0.04, -0.01),
    "elbow": (0.26, 0.0, -0.02),
    "wrist": (0.25, 0.0, 0.0),
}

#: Joint of the face or a finger (left side) -> place relative to its parent, metres.
_FACE_AND_FINGERS: dict[str, tuple[float, float, float]] = {
    "jaw": (0.0, 0.0, 0.03),
    "eye": (0.03, 0.06, 0.08),
    "index1": (0.09, 0.0, 0.03), "index2": (0.04, 0.0, 0.0), "index3": (0.025, 0.0, 0.0),
    "middle1": (0.095, 0.0, 0.01), "middle2": (0.045, 0.0, 0.0), "middle3": (0.028, 0.0, 0.0),
    "ring1": (0.09, 0.0, -0.01), "ring2": (0.04, 0.0, 0.0), "ring3": (0.026, 0.0, 0.0),
    "pinky1": (0.08, 0.0, -0.03), "pinky2": (0.03, 0.0, 0.0), "pinky3": (0.02, 0.0, 0.0),
    "thumb1": (0.025, 0.0, 0.025), "thumb2": (0.022, 0.0, 0.031), "thumb3": (0.027, 0.0, 0.02),
}  # fmt: skip

#: Parent of each body joint among the body joints; -1 is the pelvis.
PARENTS = tuple(parent - 1 for parent in SMPLX_PARENTS[1 : len(BODY_JOINTS) + 1])


def _levels() -> list[list[int]]:
    """Joints by their depth below the pelvis."""
    depth: list[int] = []
    for parent in PARENTS:
        depth.append(0 if parent < 0 else depth[parent] + 1)
    return [[j for j, d in enumerate(depth) if d == level] for level in range(max(depth) + 1)]


_LEVELS = _levels()
_ORDER = [joint for level in _LEVELS for joint in level]
_PLACE = [_ORDER.index(joint) for joint in range(len(_ORDER))]
#: Per level, where each joint's parent stands in the level above.
_ABOVE = [
    [above.index(PARENTS[joint]) for joint in level] for above, level in itertools.pairwise(_LEVELS)
]


def rest_offsets() -> Tensor:
    """[21, 3] place of each body joint relative to its parent in the T-pose, metres."""
    rows = []
    for name in BODY_JOINTS:
        side, _, part = name.rpartition("_")
        left, up, forward = _OFFSETS[part]
        rows.append((-left if side == "right" else left, up, forward))
    return torch.tensor(rows)


def joint_positions(matrices: Tensor, offsets: Tensor) -> Tensor:
    """Forward kinematics below a pelvis at the origin that is not turned.

    Args:
        matrices: [..., 21, 3, 3] rotations relative to the parents.
        offsets: [21, 3] metres, from :func:`rest_offsets`.

    Returns:
        [..., 21, 3] metres.
    """
    first = _LEVELS[0]
    turned = matrices[..., first, :, :]
    placed = offsets[first].expand(*matrices.shape[:-3], -1, -1)
    all_placed = [placed]
    for level, above in zip(_LEVELS[1:], _ABOVE, strict=True):
        up = turned[..., above, :, :]
        placed = placed[..., above, :] + (up @ offsets[level][..., None]).squeeze(-1)
        turned = up @ matrices[..., level, :, :]
        all_placed.append(placed)
    return torch.cat(all_placed, dim=-2)[..., _PLACE, :]


def whole_positions(motion: Motion, offsets: Tensor | None = None) -> Tensor:
    """[T, 55, 3] metres in the world: all joints of a motion.

    Args:
        motion: Any motion.
        offsets: [55, 3] metres; None: :func:`whole_offsets`.
    """
    offsets = (whole_offsets() if offsets is None else offsets).to(motion.transl)
    local = roma.rotvec_to_rotmat(motion.rotvec())
    world, places = [local[:, 0]], [motion.transl]
    for joint in range(1, len(SMPLX_JOINTS)):
        above = SMPLX_PARENTS[joint]
        places.append(places[above] + world[above] @ offsets[joint])
        world.append(world[above] @ local[:, joint])
    return torch.stack(places, 1)


def body_positions(motion: Motion, offsets: Tensor | None = None) -> Tensor:
    """[T, 22, 3] metres in the world: pelvis and body joints of a motion.

    Args:
        motion: Any motion.
        offsets: [21, 3] metres; None: :func:`rest_offsets`.
    """
    offsets = (rest_offsets() if offsets is None else offsets).to(motion.transl)
    below = joint_positions(
        roma.rotvec_to_rotmat(motion.body_pose.unflatten(1, (len(BODY_JOINTS), 3))), offsets
    )
    turned = below @ roma.rotvec_to_rotmat(motion.global_orient).mT
    return motion.transl[:, None] + torch.cat([torch.zeros_like(turned[:, :1]), turned], 1)


def whole_offsets() -> Tensor:
    """[55, 3] place of every joint relative to its parent in the T-pose, metres; 0 for the pelvis.

    Fingers lie flat along the hand, the thumb spread in the plane of the palm.
    """
    found = torch.zeros(len(SMPLX_JOINTS), 3)
    found[1 : len(BODY_JOINTS) + 1] = rest_offsets()
    for i, name in enumerate(SMPLX_JOINTS[len(BODY_JOINTS) + 1 :], start=len(BODY_JOINTS) + 1):
        side, _, part = name.partition("_")
        left, up, forward = _FACE_AND_FINGERS[part or side]
        found[i] = torch.tensor([-left if side == "right" else left, up, forward])
    return found
