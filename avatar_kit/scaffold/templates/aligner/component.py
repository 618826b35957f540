"""The aligner: brings a driving motion closer to what the avatar was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from avatar_kit_myplugin.config import MyPluginConfig
from torch import Tensor

from avatar_kit.interfaces import Aligner
from avatar_kit.scene import Motion


class MyPlugin(Aligner):
    """Clamps the axis-angle coordinates of the body joints to their range in training."""

    config: MyPluginConfig
    needs_fit = True
    changes = ("body_pose",)
    low: Tensor
    high: Tensor

    def __init__(self, config: MyPluginConfig):
        super().__init__(config)
        # buffers are saved with the avatar; their shape must not depend on the training poses
        self.register_buffer("low", torch.zeros(63))
        self.register_buffer("high", torch.zeros(63))

    def learn(self, clips: Sequence[Motion]) -> None:
        """Remember the smallest and the largest coordinate of every joint."""
        poses = torch.cat([clip.body_pose for clip in clips])
        self.low.copy_(poses.amin(0) - self.config.margin)
        self.high.copy_(poses.amax(0) + self.config.margin)

    def step(self, frame: Motion, state: None) -> tuple[Motion, None]:
        """One frame; nothing of the past is needed."""
        return replace(frame, body_pose=frame.body_pose.clamp(self.low, self.high)), None
