"""Config of the renderer. Torch-free."""

from typing import ClassVar, Literal

from pydantic import Field

from avatar_kit.config import RendererConfig


class MyPluginConfig(RendererConfig):
    """Three convolutions over the feature maps, shifted by the vectors."""

    type: Literal["myplugin"] = "myplugin"
    consumes: ClassVar[frozenset] = frozenset({"feature_map", "vector"})
    width: int = Field(default=32, ge=1, description="Channels of the hidden layers.")
