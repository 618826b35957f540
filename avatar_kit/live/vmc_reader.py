"""Poses of other programs by the Virtual Motion Capture protocol: the inverse of ``vmc``."""

from __future__ import annotations

from avatar_kit.io.vmc.pose import VmcPose
from avatar_kit.live.messages import Pose


class VmcReader(VmcPose):
    """The pose of one sender, kept up to date by its packets."""

    def newest(self, at: float) -> Pose | None:
        """The pose; None where nothing has changed or the sender has none.

        Args:
            at: When it came.

        Raises:
            ValueError: The root or the hips were never sent.
        """
        if not self.changed or not self.loaded:
            return None
        self.changed = False
        return Pose.of(self.motion(), at, new=False)
