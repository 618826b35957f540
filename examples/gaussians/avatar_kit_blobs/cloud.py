"""The encoder: Gaussians that stand on vertices of the posed body."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from avatar_kit.interfaces import Encoder, Setup
from avatar_kit.scene import FrameContext, GaussianCloud
from avatar_kit_blobs.config import CloudConfig


class Cloud(Encoder):
    """N vertices, evenly taken from their list; each Gaussian lifts off along the normal."""

    config: CloudConfig
    chosen: Tensor

    def __init__(self, config: CloudConfig, setup: Setup):
        super().__init__(config, setup)
        vertices, count = len(setup.body.vertices), config.points
        self.register_buffer("chosen", torch.arange(count) * vertices // count)
        self.height = nn.Parameter(torch.zeros(count, 1))  # of 1 cm
        self.log_size = nn.Parameter(torch.zeros(count, 1))  # over config.radius
        self.opacity = nn.Parameter(torch.full((count,), 2.0))  # before the sigmoid
        self.colour = nn.Parameter(0.1 * torch.randn(count, 3))  # before the sigmoid

    def forward(self, context: FrameContext) -> GaussianCloud:
        """[B, N] Gaussians in the world, metres."""
        body, batch = context.body, len(context.body.vertices)
        means = body.vertices[:, self.chosen] + 0.01 * self.height * body.normals[:, self.chosen]
        round_ones = torch.zeros(batch, len(self.chosen), 4).to(means)
        round_ones[..., 0] = 1
        sizes = self.config.radius * self.log_size.exp().expand(-1, 3)
        return GaussianCloud(
            means=means,
            quaternions=round_ones,
            scales=sizes.expand(batch, -1, -1),
            opacities=self.opacity.sigmoid().expand(batch, -1),
            features=self.colour.sigmoid().expand(batch, -1, -1),
        )
