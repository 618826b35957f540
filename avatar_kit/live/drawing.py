"""One pose after another, as they come, to pictures of the avatar."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from avatar_kit.aligners.blend import blend
from avatar_kit.engine.aligning import Alignment, choose_aligner
from avatar_kit.engine.background import Background
from avatar_kit.engine.device import autocast
from avatar_kit.engine.driving import keep_footing
from avatar_kit.engine.loaded import LoadedAvatar
from avatar_kit.engine.memory import elsewhere, enough_memory
from avatar_kit.engine.preview import to_uint8
from avatar_kit.interfaces.avatar import AvatarState
from avatar_kit.scene import FrameContext, Motion, PosedBody


class Drawer:
    """Aligns, poses and renders a stream of poses of any length; nothing of it is kept.

    Args:
        loaded: The avatar.
        alignment: The aligner the poses go through.

    Attributes:
        strength: Of the aligner, in [0, 1].
        pose: The last pose that was drawn, aligned; None before the first.
        background: What is behind the person; None: the scene as the renderer shows it.
    """

    def __init__(self, loaded: LoadedAvatar, alignment: Alignment):
        self.loaded = loaded
        self.aligner = choose_aligner(loaded, alignment.name, alignment.values)
        self.strength = alignment.strength
        self.background: Background | None = None
        self.pose: Motion | None = None
        self._camera = loaded.subject.camera.to(loaded.device)
        self.reset()

    @property
    def aligns(self) -> bool:
        """Whether there is anything to align with."""
        return self.aligner.config.type != "identity"

    def reset(self) -> None:
        """The next pose does not follow from the one before."""
        self._aligned: Any = None
        self._drawn: AvatarState | None = None
        self._before: PosedBody | None = None
        self._frame = 0

    @torch.no_grad()
    def draw(self, motion: Motion) -> np.ndarray:
        """The avatar in a pose.

        Args:
            motion: One frame, placed.

        Returns:
            [H, W, 3] uint8 RGB, or [H, W, 4] before a transparent background.
        """
        loaded = self.loaded
        self.pose = pose = self._aligned_pose(motion).to(loaded.device)
        body = loaded.avatar.body(loaded.avatar.body.from_motion(pose, loaded.avatar.shape))
        seconds = self._frame / motion.fps
        context = FrameContext.driven(
            body, self._camera, pose, before=self._before, seconds=seconds
        )
        self._before, self._frame = body, self._frame + 1
        with (
            enough_memory("drawing the avatar", elsewhere(loaded.device)),
            autocast(loaded.device, loaded.config.precision),
        ):
            output, self._drawn = loaded.avatar.step(context, self._drawn)
        if self.background is None:
            return to_uint8(output.rgb[0].float().clamp(0, 1))
        behind = self.background.behind(self._camera.width, self._camera.height)
        return to_uint8(behind(output))

    def _aligned_pose(self, motion: Motion) -> Motion:
        if not self.aligns:
            return motion
        moved = motion.to(self.loaded.device)
        aligned, self._aligned = self.aligner.step(moved, self._aligned)
        aligned = blend(moved, aligned, self.strength)
        return keep_footing(self.loaded, moved, aligned) if self.strength else motion
