"""The rest pose of SMPL-X, from which its joints turn, and our T-pose.

In ours arms lie along the x axis. In that of SMPL-X the upper arms hang by twelve degrees and the
forearms rise by two, on average over both sides of the neutral mean body; its legs, and the arms of
SMPL and SMPL-H, are within a few degrees of ours.
"""

from __future__ import annotations

import math
from dataclasses import replace

import roma
import torch

from avatar_kit.scene import Motion
from avatar_kit.scene.joints import BODY_JOINTS

#: Joint -> angle of its bone to the T-pose in the rest pose of SMPL-X, degrees, upwards.
ARM_ANGLES = {"shoulder": -12.0, "elbow": 2.0, "wrist": 0.0}


def from_smplx_rest(motion: Motion) -> Motion:
    """A motion that turns from SMPL-X's rest pose as one that turns from our T-pose.

    Differentiable.
    """
    return _changed(motion, 1.0)


def to_smplx_rest(motion: Motion) -> Motion:
    """The inverse of :func:`from_smplx_rest`."""
    return _changed(motion, -1.0)


def _changed(motion: Motion, sign: float) -> Motion:
    joints = list(motion.body_pose.unflatten(1, (-1, 3)).unbind(1))
    for side, outward in (("left", 1.0), ("right", -1.0)):
        above = 0.0
        for part, degrees in ARM_ANGLES.items():
            joint = BODY_JOINTS.index(f"{side}_{part}")
            own = sign * outward * math.radians(degrees)
            before, after = (
                torch.tensor([0.0, 0.0, angle]).to(joints[joint]).expand_as(joints[joint])
                for angle in (-above, own)
            )
            joints[joint] = roma.rotvec_composition([before, joints[joint], after])
            above = own
    return replace(motion, body_pose=torch.cat(joints, 1))
