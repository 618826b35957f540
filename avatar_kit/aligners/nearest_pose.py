"""The control that shows nothing but training poses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from avatar_kit.aligners.config import NearestPoseConfig
from avatar_kit.aligners.rotations import pose_distances, quaternions, slerp
from avatar_kit.interfaces import Aligner
from avatar_kit.scene import Motion


class NearestPose(Aligner):
    """Each body pose becomes the training pose whose joints are turned least away from it.

    What is shown has been seen in training, but it jumps from pose to pose; ``smoothing`` trades
    the jumps for lag.

    Attributes:
        poses: [N, 63] axis-angle training poses.
    """

    needs_fit = True
    sized_by_training = ("poses",)
    config: NearestPoseConfig
    poses: Tensor

    def __init__(self, config: NearestPoseConfig):
        super().__init__(config)
        self.history = int(config.smoothing > 0)
        self.register_buffer("poses", torch.zeros(0, 63))
        self._known: tuple[Tensor, int, Tensor] | None = None

    def learn(self, clips: Sequence[Motion]) -> None:
        """Keep the poses."""
        self.poses = torch.cat([clip.body_pose for clip in clips]).clone()

    def step(self, frame: Motion, state: Tensor | None) -> tuple[Motion, Tensor]:
        """The nearest pose, or the way there; the state is [1, 63], what was shown last."""
        distances = pose_distances(quaternions(frame.body_pose), self._quaternions())
        pose = self.poses[distances.argmin(1)]
        if state is not None and self.config.smoothing:
            pose = slerp(state, pose, 1 - math.exp(-1 / (frame.fps * self.config.smoothing)))
        return replace(frame, body_pose=pose), pose

    def _quaternions(self) -> Tensor:
        """Of the stored poses; computed again only when these were replaced or written to."""
        poses = self.poses
        if self._known is None or self._known[0] is not poses or self._known[1] != poses._version:
            self._known = (poses, poses._version, quaternions(poses))
        return self._known[2]
