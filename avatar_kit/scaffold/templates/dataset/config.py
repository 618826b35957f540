"""Config of the dataset. Torch-free."""

from typing import Literal

from pydantic import Field

from avatar_kit.config import DatasetConfig


class MyPluginConfig(DatasetConfig):
    """The default body on a turntable, coloured by its normals: no data needed."""

    type: Literal["myplugin"] = "myplugin"
    frames: int = Field(default=32, ge=8, description="Frames of the split train, one turn.")
    test_frames: int = Field(default=8, ge=2, description="Frames of the split test.")
    size: int | None = Field(
        default=None, ge=32, description="Side of the pictures in pixels; null: as training asks."
    )
