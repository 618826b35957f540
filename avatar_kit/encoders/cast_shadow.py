"""Where the person's shadow falls on the floor, under the light that explains the pictures best."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from avatar_kit.encoders.kept_light import KeptLight
from avatar_kit.graphics import rasterize
from avatar_kit.scene import FeatureMap, FrameContext


class CastShadow(KeptLight):
    """The silhouette of the body thrown onto the floor by one distant light.

    The light is found before training from how much darker than the empty scene the pictures are.
    The floor is the lowest the body was seen.
    """

    @torch.no_grad()
    def forward(self, context: FrameContext) -> FeatureMap:
        """[B, 1, H, W] 1 where the body keeps the light from the floor, softened by a pixel."""
        points = self.light.on_floor(context.body.vertices)
        triangle = rasterize(points, context.body.topology.faces, context.camera).triangle
        drawn = (triangle >= 0).to(points.dtype)[:, None]
        return FeatureMap(F.avg_pool2d(drawn, 3, stride=1, padding=1, count_include_pad=False))
