"""Config of the encoder. Torch-free."""

from typing import Literal

from pydantic import Field

from avatar_kit.config import EncoderConfig


class MyPluginConfig(EncoderConfig):
    """Surface normals and nearness, mixed by a learned linear layer; zero in the background."""

    type: Literal["myplugin"] = "myplugin"
    channels: int = Field(default=8, ge=1, description="Features of a pixel.")

    def yields(self):
        """A feature map."""
        return "feature_map", self.channels
