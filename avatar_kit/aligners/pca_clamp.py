"""The control that clamps poses to the ellipsoid of the training poses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from avatar_kit.aligners.config import PcaClampConfig
from avatar_kit.aligners.principal import PrincipalAxes
from avatar_kit.aligners.rotations import rotvec_from_six, six_from_rotvec
from avatar_kit.interfaces import Aligner
from avatar_kit.scene import Motion


class PcaClamp(Aligner):
    """Principal axes of the poses in six numbers a joint; coordinates along them are clamped.

    What the axes leave out is dropped, and the columns are made orthonormal again. It knows
    nothing of time and nothing of how axes go together.

    Attributes:
        mean: [126] mean training pose.
        axes: [K, 126] orthonormal rows.
        deviations: [K] standard deviation along each axis.
    """

    needs_fit = True
    sized_by_training = ("axes", "deviations")
    config: PcaClampConfig
    mean: Tensor
    axes: Tensor
    deviations: Tensor

    def __init__(self, config: PcaClampConfig):
        super().__init__(config)
        self.register_buffer("mean", torch.zeros(126))
        self.register_buffer("axes", torch.zeros(0, 126))
        self.register_buffer("deviations", torch.zeros(0))

    def learn(self, clips: Sequence[Motion]) -> None:
        """Find the axes."""
        poses = torch.cat([six_from_rotvec(clip.body_pose) for clip in clips]).double()
        share = self.config.variance if self.config.components is None else 1.0
        found = PrincipalAxes.of(poses, share, self.config.components)
        self.mean, self.axes = found.mean.float(), found.axes.float().contiguous()
        self.deviations = found.deviations.float()

    def step(self, frame: Motion, state: None) -> tuple[Motion, None]:
        """The clamped pose; there is no state."""
        principal = PrincipalAxes(self.mean, self.axes, self.deviations)
        limit = self.config.sigmas
        inside = principal.coordinates(six_from_rotvec(frame.body_pose)).clamp(-limit, limit)
        return replace(frame, body_pose=rotvec_from_six(principal.points(inside))), None
