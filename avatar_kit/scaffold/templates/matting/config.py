"""Config of the matting. Torch-free."""

from typing import Literal

from pydantic import Field

from avatar_kit.config import MattingConfig


class MyPluginConfig(MattingConfig):
    """The tracker's mask, enlarged, with a sharper rim."""

    type: Literal["myplugin"] = "myplugin"
    sharpness: float = Field(default=3.0, ge=1, description="How much steeper the rim is.")
