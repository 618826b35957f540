"""A plugin in one file, for trying something out:

    AVATAR_KIT_DEV=examples/one_file_plugin.py avatar-kit train --method ram renderer=linear_paint

It is not installed; the variable names the file. A plugin that others install keeps its config
apart from its code, so that ``--help`` needs no torch: ``avatar-kit plugins new`` writes one.
"""

from typing import ClassVar, Literal

import torch
from torch import nn

from avatar_kit import hookimpl
from avatar_kit.config import RendererConfig
from avatar_kit.interfaces import Renderer
from avatar_kit.scene import FeatureMap, RenderOutput


class LinearPaintConfig(RendererConfig):
    """The simplest renderer there is: a pixel's colour is linear in its features."""

    type: Literal["linear_paint"] = "linear_paint"
    consumes: ClassVar[frozenset] = frozenset({"feature_map"})


class LinearPaint(Renderer):
    """One matrix for all pixels, on a learned background."""

    def __init__(self, config, setup, conditions):
        super().__init__(config, setup, conditions)
        self.paint = nn.Conv2d(sum(c.channels for c in conditions.values()), 3, 1)
        self.background = nn.Parameter(torch.full((1, 3, setup.height, setup.width), 0.5))

    def forward(self, conditions, camera):
        """[B, 3, H, W]."""
        maps = [c.values for c in conditions.values() if isinstance(c, FeatureMap)]
        return RenderOutput(rgb=self.background + self.paint(torch.cat(maps, dim=1)))


@hookimpl
def register_renderers(register):
    """The target is this very file."""
    register("linear_paint", config=LinearPaintConfig, target="one_file_plugin:LinearPaint")
