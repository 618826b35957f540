"""Encoder: describes a posed body to a renderer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from torch import nn

from avatar_kit.scene import Condition, FrameContext

if TYPE_CHECKING:
    from avatar_kit.config import EncoderConfig
    from avatar_kit.interfaces.avatar import Setup


class Encoder(nn.Module, ABC):
    """Turns a :class:`~avatar_kit.scene.FrameContext` into one condition.

    What it yields is declared by its config (``EncoderConfig.yields``), so that a slot that does
    not fit fails when the config is read.
    """

    def __init__(self, config: EncoderConfig, setup: Setup):
        super().__init__()
        self.config = config
        self.setup = setup

    def charts(self) -> list[nn.Parameter]:
        """Learned textures in the body's chart, [1, C, side, side] each; none by default.

        What lies here belongs to the person and can be exchanged between persons, region by region.
        """
        return []

    @abstractmethod
    def forward(self, context: FrameContext) -> Condition:
        """Encode B frames; the map has the size of ``context.camera``."""
