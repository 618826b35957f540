"""Bones of VRM's humanoid skeleton, by which the Virtual Motion Capture protocol goes.

VMC's world is Unity's: left-handed, y up, metres, the person faces +z; ours with x turned round. At
zero rotations the bones stand in the T-pose, as ours do.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Joint of ours -> bone of VRM. What is missing on either side is left out.
BONES = {
    "pelvis": "Hips",
    "spine1": "Spine",
    "spine2": "Chest",
    "spine3": "UpperChest",
    "neck": "Neck",
    "head": "Head",
    "jaw": "Jaw",
    **{
        f"{side}_{joint}": f"{side.capitalize()}{bone}"
        for side in ("left", "right")
        for joint, bone in (
            ("hip", "UpperLeg"),
            ("knee", "LowerLeg"),
            ("ankle", "Foot"),
            ("foot", "Toes"),
            ("collar", "Shoulder"),
            ("shoulder", "UpperArm"),
            ("elbow", "LowerArm"),
            ("wrist", "Hand"),
            ("index1", "IndexProximal"),
            ("index2", "IndexIntermediate"),
            ("index3", "IndexDistal"),
            ("middle1", "MiddleProximal"),
            ("middle2", "MiddleIntermediate"),
            ("middle3", "MiddleDistal"),
            ("pinky1", "LittleProximal"),
            ("pinky2", "LittleIntermediate"),
            ("pinky3", "LittleDistal"),
            ("ring1", "RingProximal"),
            ("ring2", "RingIntermediate"),
            ("ring3", "RingDistal"),
            ("thumb1", "ThumbProximal"),
            ("thumb2", "ThumbIntermediate"),
            ("thumb3", "ThumbDistal"),
        )
    },
    "left_eye": "LeftEye",
    "right_eye": "RightEye",
}


def mirrored(quaternions: Tensor) -> Tensor:
    """Rotations [N, 4] xyzw in a world whose x axis is turned round."""
    return quaternions * torch.tensor([1.0, -1.0, -1.0, 1.0])
