"""Configs of all parts. Torch-free."""

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from avatar_kit.config import (
    DatasetConfig,
    EncoderConfig,
    EncoderSlot,
    MethodConfig,
    MetricConfig,
    RendererConfig,
    RendererSlot,
)


class CloudConfig(EncoderConfig):
    """Round Gaussians on vertices of the body, each with a size, a height, an opacity, a colour."""

    type: Literal["blob_cloud"] = "blob_cloud"
    points: int = Field(default=6000, ge=10, description="Number of Gaussians.")
    radius: float = Field(
        default=0.012, gt=0, description="Standard deviation to start with, metres."
    )

    def yields(self):
        """A cloud with colours."""
        return "gaussians", 3


class SplatConfig(RendererConfig):
    """Draws one cloud of Gaussians before the plate, or before black where there is none."""

    type: Literal["blob_splat"] = "blob_splat"
    consumes: ClassVar[frozenset] = frozenset({"gaussians"})

    def offers(self):
        """How much the person covers, the person alone, the scene."""
        return frozenset({"rgb", "alpha", "person", "background"})


class BlobsConfig(MethodConfig):
    """Round Gaussians, trained with the mean absolute error of picture and mask."""

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "demo": {"size": 256, "steps": 600, "encoders": {"cloud": {"points": 4000}}}
    }

    type: Literal["blobs"] = "blobs"
    steps: int = Field(default=5000, ge=1, description="Training steps of the whole schedule.")
    size: int = Field(default=512, ge=32, description="Height of the picture in pixels.")
    batch_size: int = Field(default=1, ge=1, description="Frames in a training step.")
    encoders: dict[str, EncoderSlot] = Field(
        default={"cloud": CloudConfig()}, description="Condition encoders by name."
    )
    renderer: RendererSlot = Field(
        default=SplatConfig(), description="Turns the conditions into a picture."
    )
    learning_rate: float = Field(default=0.02, gt=0, description="Adam's rate at the first step.")

    def wants(self):
        """Masks are compared with alpha."""
        return frozenset({"alpha"})


class FolderConfig(DatasetConfig):
    """A plain folder: pictures/*.png, masks/*.png, camera.json (K, R, t), motion.npz."""

    type: Literal["blob_folder"] = "blob_folder"
    path: Path = Field(description="The folder.")
    body: str = Field(default="anny", description="Body model that the motion was fitted with.")
    held_out: float = Field(
        default=0.2, gt=0, lt=1, description="Share of the frames, the last ones, to measure on."
    )


class EdgesConfig(MetricConfig):
    """Mean absolute difference of the brightness steps between neighbouring pixels."""

    type: Literal["blob_edges"] = "blob_edges"
