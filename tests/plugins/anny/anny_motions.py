"""Motions for the tests of the Anny body."""

import math

import torch

from avatar_kit.scene import Motion
from avatar_kit.scene.joints import BODY_JOINTS

#: How far a joint is turned at most in a random pose, radians: within what people can do.
LIMITS = {"global_orient": 2.5, "body_pose": 1.2, "eye": 0.4, "hand": 0.9}


def random_motion(frames: int, seed: int) -> Motion:
    """Poses drawn evenly from balls of :data:`LIMITS`, expressions from [0, 1]; the jaw at rest."""
    draw = torch.Generator().manual_seed(seed)

    def rotations(joints: int, limit: float):
        axis = torch.randn(frames, joints, 3, generator=draw)
        angle = limit * torch.rand(frames, joints, 1, generator=draw)
        return (torch.nn.functional.normalize(axis, dim=-1) * angle).flatten(1)

    return Motion.rest(
        frames,
        transl=torch.randn(frames, 3, generator=draw),
        global_orient=rotations(1, LIMITS["global_orient"]),
        body_pose=rotations(21, LIMITS["body_pose"]),
        left_hand_pose=rotations(15, LIMITS["hand"]),
        right_hand_pose=rotations(15, LIMITS["hand"]),
        leye_pose=rotations(1, LIMITS["eye"]),
        reye_pose=rotations(1, LIMITS["eye"]),
        expression=torch.rand(frames, 52, generator=draw),
    )


def posed(**degrees: tuple[float, float, float]) -> Motion:
    """One frame in the T-pose but for the body joints given in degrees of axis-angle."""
    pose = torch.zeros(21, 3)
    for joint, values in degrees.items():
        pose[BODY_JOINTS.index(joint)] = torch.tensor(values) * math.pi / 180
    return Motion.rest(1, body_pose=pose.flatten()[None])


def random_shape(seed: int) -> torch.Tensor:
    """[11] phenotypes drawn evenly."""
    return torch.rand(11, generator=torch.Generator().manual_seed(seed))
