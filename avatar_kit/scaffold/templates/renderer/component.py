"""The renderer: turns conditions into a picture."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from avatar_kit_myplugin.config import MyPluginConfig
from torch import nn
from torch.nn import functional as F

from avatar_kit.interfaces import Renderer, Setup
from avatar_kit.scene import Camera, Condition, ConditionSpec, FeatureMap, RenderOutput, Vector


class MyPlugin(Renderer):
    """Paints person and background with a small convolutional network."""

    config: MyPluginConfig

    def __init__(
        self, config: MyPluginConfig, setup: Setup, conditions: Mapping[str, ConditionSpec]
    ):
        super().__init__(config, setup, conditions)
        maps = sum(c.channels for c in conditions.values() if c.kind == "feature_map")
        codes = sum(c.channels for c in conditions.values() if c.kind == "vector")
        self.first = nn.Conv2d(maps, config.width, 5, padding=2)
        self.shift = nn.Linear(codes, config.width, bias=False) if codes else None
        self.second = nn.Conv2d(config.width, config.width, 3, padding=1)
        self.last = nn.Conv2d(config.width, 3, 1)
        # what does not move is learned as a picture
        self.background = nn.Parameter(torch.zeros(1, 3, setup.height, setup.width))

    def forward(self, conditions: Mapping[str, Condition], camera: Camera) -> RenderOutput:
        """[B, 3, H, W], nominally in [0, 1]."""
        maps = [c.values for c in conditions.values() if isinstance(c, FeatureMap)]
        codes = [c.values for c in conditions.values() if isinstance(c, Vector)]
        x = self.first(torch.cat(maps, dim=1))
        if self.shift is not None:
            x = x + self.shift(torch.cat(codes, dim=1))[:, :, None, None]
        x = self.second(F.leaky_relu(x, 0.2))
        return RenderOutput(rgb=0.5 + self.background + self.last(F.leaky_relu(x, 0.2)))
