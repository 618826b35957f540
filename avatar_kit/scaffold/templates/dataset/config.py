"""Config of the dataset. Torch-free."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from avatar_kit.config import DatasetConfig


class MyPluginConfig(DatasetConfig):
    """A folder of pictures/*.png, masks/*.png, camera.json (K, R, t) and motion.npz."""

    type: Literal["myplugin"] = "myplugin"
    path: Path | None = Field(
        default=None, description="The folder; null: the default body on a turntable, filmed here."
    )
    held_out: float = Field(
        default=0.2, gt=0, lt=1, description="Share of the frames, the last ones, to measure on."
    )
    size: int | None = Field(
        default=None, ge=32, description="Of the turntable: side in pixels; null: as training asks."
    )
