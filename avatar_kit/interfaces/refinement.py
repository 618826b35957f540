"""Pose refinement: small learned corrections of the poses that a tracker found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import roma
import torch
from torch import Tensor, nn

from avatar_kit.scene import Camera, Motion

#: Joints that are corrected: the pelvis and the 21 joints of ``Motion.body_pose``.
JOINTS = 22


class PoseRefinement(nn.Module):
    """Corrections of the training frames of one person, and of the cameras that saw them.

    The corrections are buffers, so optimisers of methods do not include them; the engine learns
    them. They are saved with the avatar and never applied to poses of another split.

    Args:
        frames: Number of training frames.
        cameras: Number of training cameras.

    Attributes:
        rotation: [T, 22, 3] rotation vectors in radians, in the axes of the parent joint; the
            tracked rotation is applied first.
        shift: [T, 3] offset of the pelvis in metres.
        camera_shift: [C, 3] offset of each camera's translation in metres.
    """

    rotation: Tensor
    shift: Tensor
    camera_shift: Tensor

    def __init__(self, frames: int, cameras: int):
        super().__init__()
        self.register_buffer("rotation", torch.zeros(frames, JOINTS, 3))
        self.register_buffer("shift", torch.zeros(frames, 3))
        self.register_buffer("camera_shift", torch.zeros(cameras, 3))

    def forward(self, motion: Motion, numbers: Sequence[int]) -> Motion:
        """Correct tracked poses. Differentiable with respect to the corrections.

        Args:
            motion: [B] tracked poses of training frames.
            numbers: Their B numbers among the training frames.
        """
        at = list(numbers)
        tracked = torch.cat([motion.global_orient, motion.body_pose], 1).unflatten(1, (JOINTS, 3))
        turned = roma.unitquat_to_rotvec(
            roma.quat_product(
                roma.rotvec_to_unitquat(self.rotation[at]), roma.rotvec_to_unitquat(tracked)
            )
        )
        return replace(
            motion,
            transl=motion.transl + self.shift[at],
            global_orient=turned[:, 0],
            body_pose=turned[:, 1:].flatten(1),
        )

    def camera(self, camera: Camera, numbers: Sequence[int]) -> Camera:
        """Correct the positions of B cameras.

        Args:
            camera: B cameras.
            numbers: Their B numbers among the training cameras.
        """
        return replace(camera, t=camera.t + self.camera_shift[list(numbers)])
