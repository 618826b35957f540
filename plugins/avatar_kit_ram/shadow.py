"""Where the person's shadow falls on the floor, under the light that explains the pictures best."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.graphics import rasterize
from avatar_kit.interfaces import Encoder, Samples, Setup
from avatar_kit.light import DistantLight, find_light
from avatar_kit.scene import FeatureMap, FrameContext
from avatar_kit_ram.config import CastShadowConfig


class CastShadow(Encoder):
    """The silhouette of the body thrown onto the floor by one distant light; not in the paper.

    The light is found before training from how much darker than the empty scene the pictures are.
    The floor is the lowest the body was seen.
    """

    config: CastShadowConfig
    slope: Tensor
    floor: Tensor

    def __init__(self, config: CastShadowConfig, setup: Setup):
        super().__init__(config, setup)
        self.register_buffer("slope", torch.zeros(2))
        self.register_buffer("floor", torch.zeros(()))

    def begin(self, samples: Samples) -> None:
        """Find the light."""
        config = self.config
        found = find_light(
            samples, self.setup.plates, frames=config.frames, height=config.search_size
        )
        self.slope.copy_(found.light.slope)
        self.floor.copy_(found.light.floor)

    @torch.no_grad()
    def forward(self, context: FrameContext) -> FeatureMap:
        """[B, 1, H, W] 1 where the body keeps the light from the floor, softened by a pixel."""
        points = DistantLight(self.slope, self.floor).on_floor(context.body.vertices)
        triangle = rasterize(points, context.body.topology.faces, context.camera).triangle
        drawn = (triangle >= 0).to(points.dtype)[:, None]
        return FeatureMap(F.avg_pool2d(drawn, 3, stride=1, padding=1, count_include_pad=False))
