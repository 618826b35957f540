"""Configs of `splat`: the Gaussians, the renderer, the training. Torch-free."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from avatar_kit.config import (
    ConditionKind,
    Config,
    EncoderConfig,
    EncoderSlot,
    MethodConfig,
    OutputName,
    RefinementConfig,
    RendererConfig,
    RendererSlot,
)


class SurfaceGaussiansConfig(EncoderConfig):
    """Gaussians tied to the body, with one colour each under a light that is found and learned."""

    type: Literal["surface_gaussians"] = "surface_gaussians"
    points: int = Field(
        default=20_000, ge=1, le=10_000_000, description="Gaussians on the body's surface."
    )
    hull: int = Field(
        default=6_000,
        ge=0,
        le=10_000_000,
        description="Most Gaussians off the surface, where the masks require them: hair, skirts.",
    )
    head: float = Field(default=3.0, gt=0, description="Density on the head, relative to limbs.")
    hands: float = Field(default=3.0, gt=0, description="Density on the hands, relative to limbs.")
    face: float = Field(default=1.5, gt=0, description="Density in the face, relative to the head.")
    light: bool = Field(
        default=True,
        description="Shade by the normal of the posed body; false: colours stay constant.",
    )
    self_shadow: bool = Field(
        default=True, description="Let the body cast shadows of the distant light on itself."
    )

    def yields(self) -> tuple[ConditionKind, int]:
        """Gaussians with colours."""
        return "gaussians", 3


class SplatConfig(RendererConfig):
    """Gaussians over the recorded scene, which maps darken where the person casts shadows."""

    type: Literal["splat"] = "splat"
    consumes: ClassVar[frozenset[ConditionKind]] = frozenset({"gaussians", "feature_map"})

    def offers(self) -> frozenset[OutputName]:
        """The person, the scene and the depth apart."""
        return frozenset({"rgb", "alpha", "person", "background", "depth"})


class SplatLossConfig(Config):
    """Weights of the losses; the last five are of the Gaussians themselves."""

    pixel: float = Field(default=0.8, ge=0, description="Mean absolute error on the person.")
    ssim: float = Field(default=0.2, ge=0, description="One minus the structural similarity.")
    alpha: float = Field(default=0.2, ge=0, description="Mean absolute error of alpha.")
    smooth_offset: float = Field(
        default=0.05, ge=0, description="Difference of the offsets of neighbours, per 5 cm."
    )
    offset: float = Field(default=0.002, ge=0, description="Squared offset, per 5 cm.")
    scale: float = Field(
        default=0.05, ge=0, description="Standard deviations above 1.5 cm, per 5 cm."
    )
    smooth_colour: float = Field(
        default=0.01, ge=0, description="Difference of the colours of neighbours."
    )
    opacity: float = Field(default=0.002, ge=0, description="Mean opacity.")


class SplatRatesConfig(Config):
    """Peak rates of Adam."""

    offset: float = Field(default=4e-4, gt=0, description="Learning rate of offsets, metres.")
    scale: float = Field(default=5e-3, gt=0, description="Learning rate of logarithms of scales.")
    rotation: float = Field(default=2e-3, gt=0, description="Learning rate of quaternions.")
    opacity: float = Field(default=3e-2, gt=0, description="Learning rate of logits of opacities.")
    colour: float = Field(default=5e-3, gt=0, description="Learning rate of colours and light.")


def _encoders() -> dict[str, Any]:
    return {"cloud": SurfaceGaussiansConfig(), "shadow": {"type": "cast_shadow"}}


class SplatMethodConfig(MethodConfig):
    """Gaussians on the body under one distant light and a soft ambient one."""

    type: Literal["splat"] = "splat"
    steps: int = Field(
        default=30_000, ge=1, le=1_000_000_000, description="Training steps of the whole schedule."
    )
    size: int = Field(default=1024, ge=32, le=8192, description="Height of the picture in pixels.")
    batch_size: int = Field(default=1, ge=1, le=65_536, description="Samples in a training step.")
    encoders: dict[str, EncoderSlot] = Field(
        default_factory=_encoders,
        validate_default=True,
        description="Condition encoders by name; null removes one.",
    )
    renderer: RendererSlot = Field(
        default=SplatConfig(), description="Turns the conditions into a picture."
    )
    refine: RefinementConfig | Literal["tracked"] | None = Field(
        default="tracked",
        description="Learn small corrections of the training poses; null: take them as they are; "
        "tracked: correct them if a tracker found them. Test poses are never corrected.",
    )
    loss: SplatLossConfig = Field(default=SplatLossConfig(), description="Weights of the losses.")
    rates: SplatRatesConfig = Field(default=SplatRatesConfig(), description="Learning rates.")
    margin: int = Field(
        default=10,
        ge=0,
        le=65_536,
        description="Margin in pixels around the person within which the loss is computed.",
    )

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "demo": {"size": 256, "steps": 2000, "checkpoint": {"every": 1000}},
        "light": {
            "size": 512,
            "steps": 6000,
            "encoders": {"cloud": {"points": 40_000, "hull": 10_000}},
        },
        "paper": {"encoders": {"cloud": {"points": 150_000, "hull": 40_000}}},
    }

    def wants(self) -> frozenset[OutputName]:
        """Alpha, and the scene that shadows fall on."""
        return frozenset({"alpha", "background"})
