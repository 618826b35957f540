"""Configs of `r3`: the Gaussians and what is recorded of them, the training. Torch-free."""

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


class RecordConfig(Config):
    """Planes over space and time, and the network that reads them."""

    space: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = Field(
        default=(64, 128, 256),
        min_length=1,
        description="Values along each spatial axis, one number for each scale.",
    )
    time: int = Field(
        default=50,
        ge=1,
        le=10_000_000,
        description="Values along the time axis; at least one for each clip.",
    )
    channels: int = Field(default=32, ge=1, le=4096, description="Channels of every plane.")
    width: int = Field(default=128, ge=1, le=4096, description="Width of the two hidden layers.")


class RetrievalConfig(Config):
    """How a driving pose finds training frames like it, for each of five parts of the body."""

    pose_step: int = Field(
        default=2,
        ge=0,
        le=10_000_000,
        description="Frames back whose relative rotations are compared, too.",
    )
    candidates: int = Field(
        default=20,
        ge=1,
        le=10_000_000,
        description="Most similar training frames that a part chooses from.",
    )
    pelvis: bool = Field(
        default=True,
        description="Compare the pelvis, too: which way the person faces then counts.",
    )
    far: float = Field(
        default=0.6,
        gt=0,
        description="Mean distance of the parts to their nearest training frames, radians, from "
        "which on a line says that a pose is like none of them.",
    )


class RigConfig(Config):
    """Learned corrections of what moves the Gaussians; 0 leaves one out."""

    pose_width: int = Field(
        default=128,
        ge=0,
        le=4096,
        description="Width of the network that corrects rotations of joints.",
    )
    weights_width: int = Field(
        default=128, ge=0, le=4096, description="Width of the network that moves skinning weights."
    )


class RecordedGaussiansConfig(EncoderConfig):
    """Gaussians on the body whose shape and place are recorded over the training's time."""

    type: Literal["recorded_gaussians"] = "recorded_gaussians"
    points: int = Field(
        default=10_475,
        ge=2,
        le=10_000_000,
        description="Initial number of Gaussians on the surface.",
    )
    hull: int = Field(
        default=0,
        ge=0,
        le=10_000_000,
        description="Most Gaussians off the surface, where the masks require them: hair, skirts.",
    )
    head: float = Field(default=3.0, gt=0, description="Density on the head, relative to limbs.")
    hands: float = Field(default=3.0, gt=0, description="Density on the hands, relative to limbs.")
    face: float = Field(default=1.5, gt=0, description="Density in the face, relative to the head.")
    harmonics: int = Field(
        default=3,
        ge=0,
        le=3,
        description="Degree of the spherical harmonics of a colour; 0: plain colours.",
    )
    light: bool = Field(
        default=False,
        description="Shade by the normal of the posed body under a light that is found and "
        "learned; false: colours stay constant.",
    )
    record: RecordConfig = Field(default=RecordConfig(), description="What is recorded.")
    retrieval: RetrievalConfig | None = Field(
        default=RetrievalConfig(),
        description="How poses outside the training find their time; null: all use the middle "
        "of the training.",
    )
    rig: RigConfig = Field(default=RigConfig(), description="Corrections of the skinning.")

    def yields(self) -> tuple[ConditionKind, int]:
        """Gaussians with colours."""
        return "gaussians", 3


class R3LossConfig(Config):
    """Weights of the losses."""

    pixel: float = Field(default=1.0, ge=0, description="Mean absolute error on the person.")
    ssim: float = Field(default=0.01, ge=0, description="One minus the structural similarity.")
    alpha: float = Field(default=0.1, ge=0, description="Mean squared error of alpha.")
    perceptual: float = Field(
        default=0.01, ge=0, description="Mean difference of VGG features (nn.PerceptualLoss)."
    )
    background: float = Field(
        default=1.0, ge=0, description="Mean absolute error of the scene where nobody stands."
    )
    offset: float = Field(default=0.0, ge=0, description="Squared offset, per 5 cm.")
    scale: float = Field(
        default=0.0, ge=0, description="Standard deviations above 1.5 cm, per 5 cm."
    )


class R3RatesConfig(Config):
    """Peak rates of Adam; all fall to a twentieth."""

    planes: float = Field(default=1.6e-4, gt=0, description="Learning rate of the planes.")
    decoder: float = Field(default=5e-5, gt=0, description="Learning rate of the decoder.")
    rig: float = Field(
        default=5e-5, gt=0, description="Learning rate of the corrections of the skinning."
    )
    offset: float = Field(default=1.6e-4, gt=0, description="Learning rate of positions, metres.")
    colour: float = Field(default=2.5e-3, gt=0, description="Learning rate of colours and light.")


class DensityConfig(Config):
    """When Gaussians are cloned, split, merged and dropped."""

    start: int = Field(default=400, ge=0, le=1_000_000_000, description="First step of it.")
    stop: int = Field(default=15_000, ge=0, le=1_000_000_000, description="Last step of it.")
    every: int = Field(default=100, ge=1, le=1_000_000_000, description="Steps between two rounds.")
    gradient: float = Field(
        default=1e-3,
        gt=0,
        description="Mean gradient of places on the picture, which spans [-1, 1], from which on a "
        "Gaussian is cloned, split or merged.",
    )
    crowd: int = Field(
        default=35_000,
        ge=1,
        le=10_000_000,
        description="Gaussians from which on that gradient rises.",
    )
    large: float = Field(
        default=0.02,
        gt=0,
        description="Largest standard deviation in metres of a Gaussian that is cloned or merged; "
        "a larger one is split.",
    )
    split_above: float = Field(
        default=0.4, ge=0, description="Divergence from the nearest one to clone or split."
    )
    merge_below: float = Field(
        default=0.1, ge=0, description="Divergence from the nearest one to merge with it."
    )
    opacity: float = Field(default=0.005, ge=0, lt=1, description="Less opaque ones are dropped.")
    huge: float = Field(
        default=0.1, gt=0, description="Standard deviation in metres from which on one is dropped."
    )
    most: int = Field(default=200_000, ge=2, le=10_000_000, description="Gaussians at most.")


def _encoders() -> dict[str, Any]:
    return {"cloud": RecordedGaussiansConfig(), "shadow": {"type": "cast_shadow"}}


class R3MethodConfig(MethodConfig):
    """R3-Avatar: record how a person looks over time, retrieve times by pose, reconstruct."""

    type: Literal["r3"] = "r3"
    steps: int = Field(
        default=60_000, ge=1, le=1_000_000_000, description="Training steps of the whole schedule."
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
    loss: R3LossConfig = Field(default=R3LossConfig(), description="Weights of the losses.")
    rates: R3RatesConfig = Field(default=R3RatesConfig(), description="Learning rates.")
    density: DensityConfig | None = Field(
        default=DensityConfig(), description="Density control; null: the number of Gaussians stays."
    )
    cameras: int = Field(
        default=1,
        ge=1,
        le=65_536,
        description="Fewest training cameras; captures with fewer are refused.",
    )
    margin: int = Field(
        default=10,
        ge=0,
        le=65_536,
        description="Margin in pixels around the person within which the losses are computed.",
    )

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "demo": {
            "size": 256,
            "steps": 2000,
            "checkpoint": {"every": 1000},
            "encoders": {
                "cloud": {
                    "points": 13_000,
                    "hull": 5000,
                    "harmonics": 0,
                    "light": True,
                    "record": {"space": (32, 64), "time": 20, "channels": 16, "width": 64},
                    "rig": {"pose_width": 0, "weights_width": 0},
                }
            },
            "loss": {
                "pixel": 0.8,
                "ssim": 0.2,
                "alpha": 1.0,
                "perceptual": 0.0,
                "offset": 0.02,
                "scale": 0.05,
            },
            "rates": {"planes": 5e-3, "decoder": 2e-3, "rig": 1e-4, "offset": 4e-4, "colour": 5e-3},
            "density": None,
        },
        "paper": {"cameras": 2},
    }

    def wants(self) -> frozenset[OutputName]:
        """Alpha, and the scene that shadows fall on."""
        return frozenset({"alpha", "background"})
