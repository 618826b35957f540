"""What the encoders of the light have in common: it is found once and saved with them."""

from __future__ import annotations

import torch
from torch import Tensor

from avatar_kit.encoders.config import LightEncoderConfig
from avatar_kit.interfaces import Encoder, Samples, Setup
from avatar_kit.light import DistantLight, FoundLight, find_light


class KeptLight(Encoder):
    """An encoder that looks for the light before training, and keeps it in buffers."""

    config: LightEncoderConfig
    slope: Tensor
    floor: Tensor

    def __init__(self, config: LightEncoderConfig, setup: Setup):
        super().__init__(config, setup)
        self.register_buffer("slope", torch.zeros(2))
        self.register_buffer("floor", torch.zeros(()))

    @property
    def light(self) -> DistantLight:
        """The light; straight above where none was found."""
        return DistantLight(self.slope, self.floor)

    def begin(self, samples: Samples) -> None:
        """Find the light."""
        config = self.config
        plates = self.setup.plates
        self.keep(find_light(samples, plates, frames=config.frames, height=config.search_size))

    def keep(self, found: FoundLight) -> None:
        """Remember what the search came to."""
        self.slope.copy_(found.light.slope)
        self.floor.copy_(found.light.floor)
