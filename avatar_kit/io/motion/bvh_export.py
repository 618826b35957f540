"""A motion as BVH without an avatar: on the skeleton of round figures."""

from __future__ import annotations

from pathlib import Path

import roma
import torch
from torch.nn import functional as F

from avatar_kit.io.motion.bvh_writing import BvhSkeleton, write_bvh
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import SMPLX_JOINTS, SMPLX_PARENTS
from avatar_kit.scene.skeleton import whole_offsets

#: Centimetres, as most programs expect.
_UNIT = 100.0
_LENGTH = 0.02


def save_bvh(path: str | Path, motion: Motion) -> None:
    """Write a motion as BVH, whole or not at all.

    The joints have the names of SMPL-X's; zero angles are our T-pose; y up, centimetres; bones are
    those of a person of 1.7 m. Expressions have no place in it.

    Args:
        path: Ends in .bvh.
        motion: The motion, on any device.
    """
    offsets = whole_offsets() * _UNIT
    along = offsets.clone()  # fingers end as they go on; toes, head, jaw and eyes point ahead
    along[: SMPLX_JOINTS.index("left_index1")] = torch.tensor([0.0, 0.0, 1.0])
    ends = dict(enumerate(_UNIT * _LENGTH * F.normalize(along, dim=1)))
    skeleton = BvhSkeleton(SMPLX_JOINTS, SMPLX_PARENTS, offsets, ends)
    rotations = roma.rotvec_to_rotmat(motion.rotvec().cpu().double())
    write_bvh(path, skeleton, rotations, _UNIT * motion.transl.cpu(), motion.fps)
