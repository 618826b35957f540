"""Renderer: turns conditions into a picture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import nn

from avatar_kit.scene import Camera, Condition, ConditionSpec, RenderOutput

if TYPE_CHECKING:
    from avatar_kit.config import RendererConfig
    from avatar_kit.interfaces.avatar import Setup


class Renderer(nn.Module, ABC):
    """Draws B frames from named conditions.

    What it consumes is declared by its config (``RendererConfig.consumes``).

    Attributes:
        camera_moves: Whether it may be asked for cameras other than the one of the training. Where
            it paints the background of that camera it may not: novel views then turn the person.
            May follow the config.
    """

    camera_moves: bool = False

    def __init__(
        self, config: RendererConfig, setup: Setup, conditions: Mapping[str, ConditionSpec]
    ):
        super().__init__()
        self.config = config
        self.setup = setup
        self.conditions = dict(conditions)

    @abstractmethod
    def forward(self, conditions: Mapping[str, Condition], camera: Camera) -> RenderOutput:
        """Render.

        Args:
            conditions: One condition per encoder, in the order of the config.
            camera: B cameras; the picture has their size.
        """
