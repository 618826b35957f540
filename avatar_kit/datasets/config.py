"""Configs of the datasets that ship with the framework. Torch-free."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from avatar_kit.declarations import DatasetConfig


class CaptureFolderConfig(DatasetConfig):
    """A capture that is already on disk, made by ``avatar-kit prepare`` or a dataset."""

    type: Literal["capture"] = "capture"
    path: Path = Field(description="The capture folder.")
    cameras: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="Names of the cameras to use; null: all."
    )
