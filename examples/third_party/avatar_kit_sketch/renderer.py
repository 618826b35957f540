"""A network for every pixel by itself."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from avatar_kit.interfaces import Renderer, Setup
from avatar_kit.scene import Camera, Condition, ConditionSpec, FeatureMap, RenderOutput, Vector
from avatar_kit_sketch.config import PixelMlpConfig


class PixelMlp(Renderer):
    """Features of a pixel to its colour and alpha, laid over a learned still background."""

    config: PixelMlpConfig

    def __init__(
        self, config: PixelMlpConfig, setup: Setup, conditions: Mapping[str, ConditionSpec]
    ):
        super().__init__(config, setup, conditions)
        inputs = sum(c.channels for c in conditions.values())
        layers: list[nn.Module] = []
        for _ in range(config.depth):
            layers += [nn.Conv2d(inputs, config.width, 1), nn.SiLU()]
            inputs = config.width
        self.network = nn.Sequential(*layers, nn.Conv2d(inputs, 4, 1))
        self.background = nn.Parameter(torch.zeros(1, 3, setup.height, setup.width))

    def forward(self, conditions: Mapping[str, Condition], camera: Camera) -> RenderOutput:
        """[B, 3, H, W] over the background."""
        size = (camera.height, camera.width)
        values = []
        for condition in conditions.values():
            if isinstance(condition, FeatureMap):
                values.append(condition.values)
            elif isinstance(condition, Vector):
                values.append(condition.values[:, :, None, None].expand(-1, -1, *size))
        painted = self.network(torch.cat(values, dim=1))
        person, logit = 0.5 + painted[:, :3], painted[:, 3:]
        alpha, background = torch.sigmoid(logit), 0.5 + self.background
        rgb = alpha * person + (1 - alpha) * background
        return RenderOutput(rgb, alpha, logit, person, background)
