"""What the axes of a skeleton mean, by the pose in which it was built.

If that is a T-pose or an A-pose, the constant C of a joint (M = G C, see
:mod:`avatar_kit.io.motion.axes_by_motion`) follows from it at once: there, M is the turn of the
joint's bone from our T-pose.
"""

from __future__ import annotations

import roma
import torch
from torch import Tensor
from torch.nn import functional as F

from avatar_kit.io.motion.animated import Animated
from avatar_kit.io.motion.inverse_kinematics import smallest_turn
from avatar_kit.io.motion.limbs import LIMBS
from avatar_kit.scene.joints import SMPLX_JOINTS, SMPLX_PARENTS

#: Cosines of the angles of legs to straight down, and of arms to straight out, of a built pose.
_LEG, _ARM = 0.8, 0.2


def constants_by_rest(skeleton: Animated, joints: dict[str, int]) -> dict[str, Tensor] | None:
    """C [3, 3] of every joint of pelvis and body; None if the built pose is no T- or A-pose."""
    at = {name: skeleton.rest_positions[i] for name, i in joints.items()}
    body = _frame(at)
    if body is None or not _is_built(at, body):
        return None
    turned: dict[str, Tensor] = {}
    for name, parent in zip(SMPLX_JOINTS[:22], SMPLX_PARENTS[:22], strict=True):
        part = name.partition("_")[2]
        above = turned[SMPLX_JOINTS[parent]] if parent >= 0 else torch.eye(3).double()
        if name in LIMBS:
            child, direction = LIMBS[name]
            bone = F.normalize(body.mT @ (at[child] - at[name]), dim=0)
            turned[name] = smallest_turn(torch.tensor(direction).double(), bone)
        elif part == "ankle":
            turned[name] = _ahead(skeleton, joints, at, name, body)
        elif part in ("wrist", "foot"):
            turned[name] = above
        else:
            turned[name] = torch.eye(3, dtype=torch.float64)
    return {
        name: skeleton.rest_rotations[joints[name]].mT @ body @ turned[name]
        for name in turned
        if name in joints
    }


def _frame(at: dict[str, Tensor]) -> Tensor | None:
    """[3, 3] left, up and ahead of the body as columns."""
    chest = next((at[name] for name in ("spine3", "neck", "head") if name in at), None)
    if chest is None:
        return None
    left, up = at["left_hip"] - at["right_hip"], chest - at["pelvis"]
    if not float(left.norm()) > 0 or not float(up.norm()) > 0:
        return None
    left = F.normalize(left, dim=0)
    up = up - (up @ left) * left
    if not float(up.norm()) > 0:
        return None
    up = F.normalize(up, dim=0)
    return torch.stack([left, up, torch.linalg.cross(left, up)], 1)


def _is_built(at: dict[str, Tensor], body: Tensor) -> bool:
    """Whether legs hang and arms point to their sides."""
    for side, sign in (("left", 1.0), ("right", -1.0)):
        leg = body.mT @ F.normalize(at[f"{side}_ankle"] - at[f"{side}_hip"], dim=0)
        arm = body.mT @ F.normalize(at[f"{side}_wrist"] - at[f"{side}_shoulder"], dim=0)
        if not (float(-leg[1]) > _LEG and sign * float(arm[0]) > _ARM):
            return False
    return True


def _ahead(
    skeleton: Animated, joints: dict[str, int], at: dict[str, Tensor], ankle: str, body: Tensor
) -> Tensor:
    """How the foot is turned about the vertical."""
    toes = at.get(ankle.replace("ankle", "foot"))
    below = skeleton.children(joints[ankle])
    if toes is None and below:
        toes = skeleton.rest_positions[below[0]]
    if toes is None:
        return torch.eye(3, dtype=torch.float64)
    foot = body.mT @ (toes - at[ankle])
    return roma.rotvec_to_rotmat(
        torch.stack([foot[0] * 0, torch.atan2(foot[0], foot[2]), foot[0] * 0])
    )
