"""What can be configured. Torch-free: read whenever a command starts."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from avatar_kit.config import (
    AlignerConfig,
    EncoderSlot,
    MethodConfig,
    RendererConfig,
    RendererSlot,
)


class PixelMlpConfig(RendererConfig):
    """One small network for every pixel by itself, before a learned background."""

    type: Literal["pixel_mlp"] = "pixel_mlp"
    consumes: ClassVar[frozenset] = frozenset({"feature_map", "vector"})
    width: int = Field(default=64, ge=1, description="Neurons of a hidden layer.")
    depth: int = Field(default=2, ge=1, description="Hidden layers.")

    def offers(self):
        """The person and the learned background apart."""
        return frozenset({"rgb", "alpha", "alpha_logit", "person", "background"})


class CalmConfig(AlignerConfig):
    """Smooth the joints over time: each frame goes part of the way from the last one."""

    type: Literal["calm"] = "calm"
    half_life: float = Field(
        default=0.02, gt=0, description="Seconds in which half of the way to a new pose is gone."
    )


class SketchConfig(MethodConfig):
    """A neural texture and a network for each pixel, trained with a robust loss."""

    type: Literal["sketch"] = "sketch"
    steps: int = Field(default=4000, ge=1, description="Training steps of the whole schedule.")
    size: int = Field(default=512, ge=32, description="Height of the picture in pixels.")
    batch_size: int = Field(default=2, ge=1, description="Frames in a training step.")
    # named, not imported: any plugin may bring it
    encoders: dict[str, EncoderSlot] = Field(
        default={"body": {"type": "neural_texture", "channels": 12, "size": 256, "levels": 3}},
        validate_default=True,
        description="Condition encoders by name.",
    )
    renderer: RendererSlot = Field(
        default={"type": "pixel_mlp"},
        validate_default=True,
        description="Turns the conditions into a picture.",
    )
    learning_rate: float = Field(default=1e-2, gt=0, description="Of Adam; falls to a tenth.")
    person: float = Field(default=4.0, ge=0, description="Weight of the person in the loss.")
    softness: float = Field(
        default=0.02, gt=0, description="Errors below this count by their square."
    )

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "demo": {"size": 128, "steps": 300},
        "light": {"size": 256, "steps": 2000},
    }
