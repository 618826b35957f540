"""Config of the aligner. Torch-free."""

from typing import Literal

from pydantic import Field

from avatar_kit.config import AlignerConfig


class MyPluginConfig(AlignerConfig):
    """Keep every joint within what the avatar was seen doing."""

    type: Literal["myplugin"] = "myplugin"
    margin: float = Field(
        default=0.05, ge=0, description="Radians a joint may go beyond the training range."
    )
