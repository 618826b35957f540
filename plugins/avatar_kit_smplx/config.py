"""Config of the SMPL family. Torch-free."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from avatar_kit.config import BodyConfig


class SmplxConfig(BodyConfig):
    """SMPL-X, SMPL-H or SMPL: the model is a file that you have under its own licence."""

    type: Literal["smplx"] = "smplx"
    model: Path | None = Field(
        default=None,
        description="The model file (.npz or .pkl), or a folder of them; null: the folder "
        "models/smplx of the cache.",
    )
    gender: Literal["neutral", "female", "male"] | None = Field(
        default=None, description="Which file of a folder; null: neutral."
    )
    betas: int = Field(default=10, ge=1, le=300, description="Shape coefficients that are used.")
    expression_coefficients: int = Field(
        default=10, ge=0, le=100, description="Expression coefficients that are used (SMPL-X)."
    )
    hands: Literal["joints", "pca"] = Field(
        default="joints",
        description="Whether hands are posed joint by joint or by principal components.",
    )
    hand_components: int = Field(
        default=12, ge=1, le=45, description="Principal components of each hand, with hands=pca."
    )
    flat_hand_mean: bool = Field(
        default=True,
        description="Whether a hand whose values are zero is flat; false: the file's mean hand.",
    )
    pose_correctives: bool = Field(
        default=True, description="Whether the surface bulges with the pose as the model says."
    )
    uvs: Path | None = Field(
        default=None,
        description="OBJ with texture coordinates of the same mesh; null: those of the model "
        "file, or made by xatlas where it has none.",
    )
