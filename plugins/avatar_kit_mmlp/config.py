"""Configs of `mmlp`: the Gaussians and their MLPs, the training. Torch-free."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from avatar_kit.config import (
    ConditionKind,
    Config,
    EncoderConfig,
    EncoderSlot,
    MethodConfig,
    OutputName,
    RefinementConfig,
    RendererSlot,
)


class MlpGaussiansConfig(EncoderConfig):
    """Gaussians on the body whose shape, place and colour follow the pose through local MLPs."""

    type: Literal["mlp_gaussians"] = "mlp_gaussians"
    points: int = Field(
        default=20_000, ge=4, le=10_000_000, description="Gaussians on the body's surface."
    )
    hull: int = Field(
        default=6_000,
        ge=0,
        le=10_000_000,
        description="Most Gaussians off the surface, where the masks require them: hair, skirts.",
    )
    grid: int = Field(
        default=64,
        ge=8,
        le=512,
        description="Nodes along the longest side of the grid that skinning weights diffuse in.",
    )
    head: float = Field(default=3.0, gt=0, description="Density on the head, relative to limbs.")
    hands: float = Field(default=3.0, gt=0, description="Density on the hands, relative to limbs.")
    face: float = Field(default=1.5, gt=0, description="Density in the face, relative to the head.")
    spread: float = Field(
        default=0.7,
        gt=0,
        description="Initial width, as a share of the distance to the nearest others.",
    )
    thickness: float = Field(
        default=0.3,
        gt=0,
        le=1,
        description="Initial thickness on the surface, as a share of the width; 1: round.",
    )
    anchors: int = Field(
        default=32, ge=1, le=10_000_000, description="Number of MLPs, each at its own place."
    )
    controls: int = Field(
        default=1_000,
        ge=1,
        le=10_000_000,
        description="Control points, which carry the Gaussians around them.",
    )
    coefficients: int = Field(
        default=8, ge=1, le=4096, description="Basis vectors of a Gaussian, and of a control point."
    )
    widths: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = Field(
        default=(64, 64, 64), min_length=1, description="Widths of an MLP's layers."
    )
    fingers: bool = Field(default=True, description="Pass the hand joints to the MLPs as well.")
    expression: bool = Field(
        default=True, description="Pass the 52 expression channels to the MLPs."
    )
    sigmas: float | None = Field(
        default=2.0,
        gt=0,
        description="Clamp the body pose that the MLPs receive to this many standard deviations of "
        "the training poses, along their 20 principal axes; null: no clamping.",
    )
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


class MmlpLossConfig(Config):
    """Weights of the losses."""

    pixel: float = Field(default=1.0, ge=0, description="Mean absolute error on the person.")
    perceptual: float = Field(
        default=0.1, ge=0, description="Shift-tolerant LPIPS with VGG16, on a patch."
    )
    patch: int = Field(default=128, ge=32, le=8192, description="Side of that patch in pixels.")
    alpha: float = Field(default=0.2, ge=0, description="Mean absolute error of alpha.")
    smooth: float = Field(
        default=1.0, ge=0, description="Difference of the offsets of near control points, metres."
    )
    scale: float = Field(default=1.0, ge=0, description="Mean of the scales that are too large.")
    large: float = Field(
        default=0.015, gt=0, description="Scale above which it is too large, metres."
    )
    boundary: int = Field(
        default=0,
        ge=0,
        le=1_000_000_000,
        description="Pixels on both sides of the mask's outline that are not compared.",
    )


class MmlpRatesConfig(Config):
    """Peak rates of Adam; all but those of the bases fall to a share at the end."""

    controls: float = Field(
        default=5e-5, gt=0, description="Learning rate of control points, metres."
    )
    shape: float = Field(
        default=5e-3, gt=0, description="Learning rate of logarithms of scales and rotations."
    )
    opacity: float = Field(default=3e-2, gt=0, description="Learning rate of logits of opacities.")
    colour: float = Field(default=1.5e-2, gt=0, description="Learning rate of colours of degree 0.")
    light: float = Field(
        default=5e-3, gt=0, description="Learning rate of the light and the renderer."
    )
    harmonics: float = Field(
        default=5e-4, gt=0, description="Learning rate of colours of degree 1."
    )
    offset: float = Field(
        default=5e-2, gt=0, description="Learning rate of free offsets, in units of 8 mm."
    )
    control_basis: float = Field(
        default=1e-5, gt=0, description="Learning rate of bases of control points."
    )
    basis: float = Field(default=1e-3, gt=0, description="Learning rate of bases of Gaussians.")
    harmonics_basis: float = Field(
        default=5e-5, gt=0, description="Learning rate of bases of degree 1."
    )
    mlp: float = Field(default=5e-4, gt=0, description="Learning rate of the MLPs, by AdamW.")
    mlp_decay: float = Field(default=1e-3, ge=0, description="Weight decay of the MLPs.")
    beta2: float = Field(
        default=0.99, gt=0, lt=1, description="Adam's decay of the mean squared gradient."
    )
    epsilon: float = Field(
        default=1e-6, gt=0, description="Adam's epsilon; gradients far below it move nothing."
    )
    offset_epsilon: float = Field(
        default=8e-8, gt=0, description="That of free offsets, whose unit is smaller."
    )
    end: float = Field(
        default=0.05, gt=0, le=1, description="Share of the initial rates at the end."
    )
    controls_end: float = Field(default=0.01, gt=0, le=1, description="That of control points.")


class MmlpScheduleConfig(Config):
    """Steps from which on parts take part."""

    bases: int = Field(
        default=500, ge=0, le=1_000_000_000, description="The bases, and with them the MLPs."
    )
    harmonics: int = Field(
        default=1_500, ge=0, le=1_000_000_000, description="Colours of degree 1."
    )
    perceptual: int = Field(
        default=1_000, ge=0, le=1_000_000_000, description="The perceptual loss."
    )
    patches: int = Field(
        default=1_000,
        ge=0,
        le=1_000_000_000,
        description="Random patches; before, the middle of the person.",
    )


def _encoders() -> dict[str, Any]:
    return {"cloud": MlpGaussiansConfig(), "shadow": {"type": "cast_shadow"}}


class MmlpMethodConfig(MethodConfig):
    """MMLPHuman: Gaussians whose bases are combined by MLPs that are spread over the body."""

    type: Literal["mmlp"] = "mmlp"
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
        default={"type": "splat"},
        validate_default=True,
        description="Turns the conditions into a picture.",
    )
    refine: RefinementConfig | Literal["tracked"] | None = Field(
        default="tracked",
        description="Learn small corrections of the training poses; null: take them as they are; "
        "tracked: correct them if a tracker found them. Test poses are never corrected.",
    )
    cameras: int = Field(
        default=1,
        ge=1,
        le=65_536,
        description="Least number of cameras that the training must have.",
    )
    random_background: bool = Field(
        default=False,
        description="Compare over a random colour, cut out by the mask, instead of the scene.",
    )
    loss: MmlpLossConfig = Field(default=MmlpLossConfig(), description="Weights of the losses.")
    rates: MmlpRatesConfig = Field(default=MmlpRatesConfig(), description="Learning rates.")
    schedule: MmlpScheduleConfig = Field(
        default=MmlpScheduleConfig(), description="When parts begin to take part."
    )
    margin: int = Field(
        default=10,
        ge=0,
        le=65_536,
        description="Margin in pixels around the person within which the loss is computed.",
    )

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "demo": {
            "size": 256,
            "steps": 2000,
            "loss": {"perceptual": 0.0},
            "checkpoint": {"every": 1000},
        },
        "light": {
            "size": 512,
            "steps": 6000,
            "encoders": {
                "cloud": {"points": 32_000, "hull": 8_000, "anchors": 64, "controls": 2_000}
            },
            "schedule": {"bases": 2_000, "harmonics": 4_000, "perceptual": 4_000, "patches": 4_000},
        },
        "paper": {
            "steps": 800_000,
            "cameras": 2,
            "random_background": True,
            "encoders": {
                "cloud": {
                    "points": 200_000,
                    "hull": 0,
                    "grid": 128,
                    "head": 1.0,
                    "hands": 1.0,
                    "face": 1.0,
                    "spread": 1.0,
                    "thickness": 1.0,
                    "anchors": 300,
                    "controls": 10_000,
                    "coefficients": 15,
                    "widths": [512, 256, 256, 256],
                    "fingers": False,
                    "expression": False,
                    "sigmas": None,
                    "light": False,
                    "self_shadow": False,
                },
                "shadow": None,
            },
            "aligner": {"type": "pca_clamp", "components": 20, "sigmas": 2.0},
            "loss": {
                "perceptual": 0.1,
                "patch": 512,
                "alpha": 0.0,
                "smooth": 0.1,
                "large": 0.01,
                "boundary": 4,
            },
            "rates": {
                "controls": 1.6e-4,
                "shape": 5e-4,
                "opacity": 5e-4,
                "colour": 5e-4,
                "harmonics": 2.5e-5,
                "offset": 1e-3,
                "control_basis": 1.6e-5,
                "basis": 1e-4,
                "harmonics_basis": 2.5e-6,
                "end": 0.1,
                "beta2": 0.999,
                "epsilon": 1e-15,
                "offset_epsilon": 1e-15,
            },
            "schedule": {
                "bases": 2_000,
                "harmonics": 250_000,
                "perceptual": 6_000,
                "patches": 300_000,
            },
            "checkpoint": {"every": 10_000},
        },
    }

    def wants(self) -> frozenset[OutputName]:
        """Alpha, and the person and the scene apart."""
        return frozenset({"alpha", "person", "background"})
