"""Config of the embedded dataset. Torch-free."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from avatar_kit.config import DatasetConfig


class StudioConfig(DatasetConfig):
    """A synthetic monocular video of a clothed person, made on first use and kept in the cache."""

    type: Literal["studio"] = "studio"
    subject: Literal["ada", "ben", "cleo"] = Field(
        "ada", description="Who is filmed; they differ in body, clothes and hair."
    )
    size: int | None = Field(
        None, ge=64, le=2048, description="Side of the pictures in pixels; null: as training asks."
    )
    frames: int = Field(240, ge=8, description="Frames of the train split, at 25 per second.")
    test_frames: int = Field(48, ge=4, description="Frames of each of the three test splits.")
    seed: int = Field(0, ge=0, description="Seed of motion, noise and hair.")
    supersample: int = Field(2, ge=1, le=4, description="Samples along a pixel's side.")
