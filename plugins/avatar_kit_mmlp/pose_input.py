"""What of a pose the MLPs are told."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from avatar_kit.aligners.principal import PrincipalAxes
from avatar_kit.scene import Motion
from avatar_kit_mmlp.config import MlpGaussiansConfig

#: Principal axes of the training poses that a body pose is kept within.
AXES = 20


class PoseInput(nn.Module):
    """Axis-angle of 21 body joints, without the root; the fingers and the expression if asked for.

    Far poses would ask the MLPs for what they never learned: so the body pose, and not the body, is
    clamped along the principal axes of the training poses; what these leave out is dropped.

    Attributes:
        mean: [63] mean training pose.
        axes: [20, 63] orthonormal rows, zero where there are fewer axes.
        deviations: [20] standard deviation along each axis.
        fitted: Whether training poses were seen; before, poses are taken as they are.
    """

    mean: Tensor
    axes: Tensor
    deviations: Tensor
    fitted: Tensor

    def __init__(self, config: MlpGaussiansConfig):
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.zeros(63))
        self.register_buffer("axes", torch.zeros(AXES, 63))
        self.register_buffer("deviations", torch.ones(AXES))
        self.register_buffer("fitted", torch.zeros((), dtype=torch.bool))

    @property
    def width(self) -> int:
        """Numbers that describe a pose."""
        return 63 + 90 * self.config.fingers + 52 * self.config.expression

    def fit(self, poses: Tensor) -> None:
        """Find the axes of training poses [T, 63]; of one pose alone there are none."""
        found = PrincipalAxes.of(poses.double(), 1.0, AXES)
        count = len(found.axes)
        self.mean.copy_(found.mean)
        self.axes.zero_()[:count] = found.axes.to(self.axes)
        self.deviations.fill_(1.0)[:count] = found.deviations.to(self.deviations)
        self.fitted.fill_(True)

    def forward(self, motion: Motion) -> Tensor:
        """[B, width] of B poses."""
        parts = [self.near(motion.body_pose)]
        if self.config.fingers:
            parts += [motion.left_hand_pose, motion.right_hand_pose]
        if self.config.expression:
            parts.append(motion.expression)
        return torch.cat(parts, dim=1)

    def near(self, poses: Tensor) -> Tensor:
        """Body poses [B, 63], kept near those of the training."""
        limit = self.config.sigmas
        if limit is None or not bool(self.fitted):
            return poses
        axes = PrincipalAxes(self.mean, self.axes, self.deviations)
        return axes.points(axes.coordinates(poses).clamp(-limit, limit))
