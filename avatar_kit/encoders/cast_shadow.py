"""Where the person's shadow falls on the floor, under the light that explains the pictures best."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.encoders.kept_light import KeptLight
from avatar_kit.graphics import covered, in_full_precision
from avatar_kit.scene import FeatureMap, FrameContext


class CastShadow(KeptLight):
    """The silhouette of the body thrown onto the floor by one distant light.

    The light is found before training from how much darker than the empty scene the pictures are.
    The floor is the lowest the body was seen.
    """

    @torch.no_grad()
    @in_full_precision
    def forward(self, context: FrameContext) -> FeatureMap:
        """[B, 1, H, W] 1 where the body keeps the light from the floor, softened by a pixel."""
        points = self.light.on_floor(context.body.vertices)
        drawn = covered(points, context.body.topology.faces, context.camera)[:, None]
        return FeatureMap(mean_of_nine(drawn).to(points.dtype))


def mean_of_nine(mask: Tensor) -> Tensor:
    """[B, 1, H, W] the share of each pixel and its neighbours in the picture that are true.

    Sums of bytes: averaging floats by torch's pooling takes as long as drawing the shadow.
    """
    return _sums_of_nine(mask) / _sums_of_nine(torch.ones_like(mask[:1]))


def _sums_of_nine(mask: Tensor) -> Tensor:
    padded = F.pad(mask.byte(), (1, 1, 1, 1))
    rows = padded[..., :-2, :] + padded[..., 1:-1, :] + padded[..., 2:, :]
    return rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
