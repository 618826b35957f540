"""The aligner that changes nothing."""

from __future__ import annotations

from avatar_kit.interfaces import Aligner
from avatar_kit.scene import Motion


class Identity(Aligner):
    """Returns what it gets."""

    changes = ()

    def step(self, frame: Motion, state: None) -> tuple[Motion, None]:
        """The frame itself."""
        return frame, None

    def align(self, motion: Motion) -> Motion:
        """The motion itself."""
        return motion
