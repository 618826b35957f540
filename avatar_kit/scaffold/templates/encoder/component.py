"""The encoder: describes a posed body to a renderer."""

from __future__ import annotations

import torch
from avatar_kit_myplugin.config import MyPluginConfig
from torch import nn

from avatar_kit.graphics import interpolate
from avatar_kit.interfaces import Encoder, Setup
from avatar_kit.scene import FeatureMap, FrameContext


class MyPlugin(Encoder):
    """Four numbers a pixel (normal in camera axes, 1 / depth) through a learned matrix."""

    config: MyPluginConfig

    def __init__(self, config: MyPluginConfig, setup: Setup):
        super().__init__(config, setup)
        self.mix = nn.Conv2d(4, config.channels, kernel_size=1, bias=False)

    def forward(self, context: FrameContext) -> FeatureMap:
        """[B, channels, H, W]."""
        fragments = context.fragments  # rasterised once, shared by all encoders
        normals = context.body.normals @ context.camera.R.mT
        normals = interpolate(normals, context.body.topology.faces, fragments)
        nearness = fragments.mask / fragments.depth.clamp(min=0.1)[:, None]
        return FeatureMap(self.mix(torch.cat([normals, nearness], dim=1)))
