"""Configs of the method and of the two parts it brings. Torch-free."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from avatar_kit.config import (
    EncoderConfig,
    EncoderSlot,
    MethodConfig,
    RendererConfig,
    RendererSlot,
)


class NormalsConfig(EncoderConfig):
    """Surface normals in camera axes, zero in the background."""

    type: Literal["myplugin_normals"] = "myplugin_normals"

    def yields(self):
        """A feature map of three channels."""
        return "feature_map", 3


class PainterConfig(RendererConfig):
    """Convolutions over the conditions, on a learned background."""

    type: Literal["myplugin_painter"] = "myplugin_painter"
    consumes: ClassVar[frozenset] = frozenset({"feature_map"})
    width: int = Field(default=32, ge=1, description="Channels of the hidden layer.")


def _encoders() -> dict[str, EncoderConfig]:
    return {"normals": NormalsConfig()}


class MyPluginConfig(MethodConfig):
    """Normals to colours by a small network, trained with the mean absolute error."""

    type: Literal["myplugin"] = "myplugin"
    steps: int = Field(default=5000, ge=1, description="Training steps of the whole schedule.")
    size: int = Field(default=512, ge=32, description="Height of the picture in pixels.")
    batch_size: int = Field(default=2, ge=1, description="Frames in a training step.")
    encoders: dict[str, EncoderSlot] = Field(
        default_factory=_encoders, description="Condition encoders by name."
    )
    renderer: RendererSlot = Field(
        default=PainterConfig(), description="Turns the conditions into a picture."
    )
    learning_rate: float = Field(default=1e-2, gt=0, description="Of Adam.")

    #: Starting values by name; "demo" is taken on machines without a GPU.
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "demo": {"size": 128, "steps": 200},
        "light": {"size": 256},
    }
