"""Config of the Momentum Human Rig. Torch-free."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from avatar_kit.config import BodyConfig


class MhrConfig(BodyConfig):
    """MHR: its assets are a download of their own."""

    type: Literal["mhr"] = "mhr"
    assets: Path | None = Field(
        default=None,
        description="Folder of the assets: rig.npz and lod1.npz, or lod1.fbx with the package mhr; "
        "null: the folder models/mhr of the cache.",
    )
    lod: int = Field(
        default=1, ge=0, le=6, description="Level of detail: 1 has 18,439 vertices, 6 the fewest."
    )
    pose_correctives: bool = Field(
        default=False,
        description="Whether the surface bulges with the pose; takes 0.7 GB of memory at lod 1.",
    )
