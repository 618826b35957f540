"""Aligner: brings a driving motion closer to what the avatar was trained on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from torch import nn

from avatar_kit.scene import Motion

if TYPE_CHECKING:
    from avatar_kit.config import AlignerConfig


class Aligner(nn.Module, ABC):
    """Maps motion to motion, frame by frame in time order.

    Attributes:
        needs_fit: Whether :meth:`fit` must run before :meth:`align`.
        history: How many past output frames a step looks at.
    """

    needs_fit: bool = False
    history: int = 0

    def __init__(self, config: AlignerConfig):
        super().__init__()
        self.config = config

    @abstractmethod
    def fit(self, training: Motion) -> None:
        """Learn from the avatar's training poses."""

    @abstractmethod
    def step(self, frame: Motion, state: Any) -> tuple[Motion, Any]:
        """Align one frame of a stream.

        Args:
            frame: A motion of length one.
            state: What the previous step returned; None for the first frame.

        Returns:
            The aligned frame and the state for the next one.
        """

    def align(self, motion: Motion) -> Motion:
        """Align a whole motion; equal to stepping through it. Length and rate are kept."""
        from avatar_kit.scene.motion import concatenate

        frames, state = [], None
        for i in range(len(motion)):
            frame, state = self.step(motion[i : i + 1], state)
            frames.append(frame)
        return concatenate(frames) if frames else motion
