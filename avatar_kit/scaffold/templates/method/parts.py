"""The encoder and the renderer the method starts from."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from avatar_kit_myplugin.config import PainterConfig
from torch import nn
from torch.nn import functional as F

from avatar_kit.graphics import interpolate
from avatar_kit.interfaces import Encoder, Renderer, Setup
from avatar_kit.scene import (
    Camera,
    Condition,
    ConditionSpec,
    FeatureMap,
    FrameContext,
    RenderOutput,
)


class Normals(Encoder):
    """The body's unit normals in camera axes."""

    def forward(self, context: FrameContext) -> FeatureMap:
        """[B, 3, H, W]."""
        normals = context.body.normals @ context.camera.R.mT
        return FeatureMap(interpolate(normals, context.body.topology.faces, context.fragments))


class Painter(Renderer):
    """Two convolutions and a background that is learned as a picture."""

    config: PainterConfig

    def __init__(
        self, config: PainterConfig, setup: Setup, conditions: Mapping[str, ConditionSpec]
    ):
        super().__init__(config, setup, conditions)
        maps = sum(c.channels for c in conditions.values())
        self.first = nn.Conv2d(maps, config.width, 5, padding=2)
        self.last = nn.Conv2d(config.width, 3, 3, padding=1)
        self.background = nn.Parameter(torch.zeros(1, 3, setup.height, setup.width))

    def forward(self, conditions: Mapping[str, Condition], camera: Camera) -> RenderOutput:
        """[B, 3, H, W], nominally in [0, 1]."""
        maps = [c.values for c in conditions.values() if isinstance(c, FeatureMap)]
        hidden = F.leaky_relu(self.first(torch.cat(maps, dim=1)), 0.2)
        return RenderOutput(rgb=0.5 + self.background + self.last(hidden))
