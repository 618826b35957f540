"""Configs of ANR and DNR: the texture, the renderers, the training. Torch-free."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from avatar_kit.config import (
    ConditionKind,
    Config,
    EncoderConfig,
    EncoderSlot,
    MethodConfig,
    OutputName,
    RendererConfig,
    RendererSlot,
)
from avatar_kit_anr.presets import ANR_PRESETS, DNR_PRESETS

#: Decay of a moment of Adam.
_Decay = Annotated[float, Field(ge=0, lt=1)]


class UvTextureConfig(EncoderConfig):
    """A learned texture in the body's UV layout, zero where no surface is seen."""

    many_people: ClassVar[bool] = True
    textured: ClassVar[bool] = True

    type: Literal["uv_texture"] = "uv_texture"
    channels: int = Field(
        default=8, ge=3, le=4096, description="Features of a texel; the first are RGB."
    )
    size: int = Field(default=256, ge=8, le=8192, description="Width and height in texels.")
    levels: int = Field(
        default=1,
        ge=1,
        le=16,
        description="Textures that are summed, each half the size of the one before it.",
    )
    jitter: float = Field(
        default=0.02,
        ge=0,
        description="Random offset of lookups in training, up to this; the texture is 2 wide.",
    )
    view_basis: bool = Field(
        default=False,
        description="Multiply channels 4 to 12 by spherical harmonics of the view direction.",
    )

    @model_validator(mode="after")
    def _fits(self):
        if self.view_basis and self.channels < 12:
            raise PydanticCustomError(
                "view", "view_basis needs at least 12 channels, got {n}", {"n": self.channels}
            )
        if self.size % 2 ** (self.levels - 1):
            raise PydanticCustomError(
                "levels",
                "size={size} cannot be halved {n} times; take a multiple of {of} or fewer levels",
                {"size": self.size, "n": self.levels - 1, "of": 2 ** (self.levels - 1)},
            )
        return self

    def yields(self) -> tuple[ConditionKind, int]:
        """A feature map."""
        return "feature_map", self.channels


class SurfaceNormalsConfig(EncoderConfig):
    """The body's unit normals in camera axes, zero where no surface is visible."""

    many_people: ClassVar[bool] = True

    type: Literal["surface_normals"] = "surface_normals"

    def yields(self) -> tuple[ConditionKind, int]:
        """A feature map."""
        return "feature_map", 3


class UNetConfig(RendererConfig):
    """What both renderers have: the shape of a U-Net."""

    consumes: ClassVar[frozenset[ConditionKind]] = frozenset({"feature_map"})
    many_people: ClassVar[bool] = True

    widths: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = Field(
        default=(64, 128, 256, 512, 512),
        min_length=1,
        description="Channels at 1/2, 1/4, ... of the picture.",
    )
    norm: Literal["instance", "none"] = Field(
        default="instance", description="Normalisation of all but the outermost and innermost."
    )


class TwoStageUNetConfig(UNetConfig):
    """ANR: texture to features and a first picture, with the normals to colours and alpha."""

    type: Literal["two_stage_unet"] = "two_stage_unet"
    features: int = Field(
        default=16, ge=3, le=4096, description="Channels between the stages; the first are RGB."
    )
    late: tuple[str, ...] = Field(
        default=(), description="Encoders whose maps join at the second stage."
    )
    stages: Literal[1, 2] = Field(
        default=2, description="1: one network sees texture and normals together (ablation)."
    )
    residual: bool = Field(
        default=False,
        description="Each stage adds to the first three features it is given, so that the texture "
        "is a picture from the start; not in the paper.",
    )

    def offers(self) -> frozenset[OutputName]:
        """The person over the scene; as an auxiliary picture what the first stage paints."""
        always: frozenset[OutputName] = frozenset(
            {"rgb", "alpha", "alpha_logit", "person", "background"}
        )
        return always | {"auxiliary"} if self.stages == 2 else always


class DeferredUNetConfig(UNetConfig):
    """DNR: the textured mesh over the true scene, corrected by one U-Net."""

    type: Literal["deferred_unet"] = "deferred_unet"

    def offers(self) -> frozenset[OutputName]:
        """The picture; as an auxiliary picture the textured mesh."""
        return frozenset({"rgb", "background", "auxiliary"})


class CropConfig(Config):
    """Random crop and rescale: what a training step looks at."""

    size: int | None = Field(
        default=512,
        ge=16,
        le=8192,
        description="Side of the crop after rescaling, at most the picture's; null: no crops.",
    )
    scale: tuple[float, float] = Field(
        default=(0.5, 1.25), description="Smallest and largest factor of the rescaling."
    )
    person: float = Field(
        default=0.5, ge=0, le=1, description="Share of crops that are placed around the person."
    )

    @model_validator(mode="after")
    def _ordered(self):
        low, high = self.scale
        if not 0 < low <= high:
            raise PydanticCustomError(
                "scale", "scale must be two positive factors, the smaller first", {}
            )
        return self


class FeatureLossConfig(Config):
    """The feature loss on the composited picture."""

    stages: tuple[Annotated[float, Field(ge=0)], ...] = Field(
        default=(1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0),
        min_length=1,
        max_length=5,
        description="Weight of each stage of the VGG network, shallow first.",
    )
    crop: int | None = Field(
        default=None,
        ge=16,
        le=8192,
        description="Compare this many pixels square around the person; null: all of the crop.",
    )


class DiscriminatorConfig(Config):
    """The multi-scale patch discriminator."""

    scales: int = Field(
        default=2, ge=1, le=16, description="Copies, each at half the size before it."
    )
    width: int = Field(default=64, ge=1, le=4096, description="Channels of the first layer.")
    layers: int = Field(
        default=3, ge=1, le=16, description="Halvings; 3 makes patches of 70 pixels."
    )
    learning_rate: float = Field(
        default=2e-4, gt=0, description="Peak rate of Adam; the networks' may be far larger."
    )


class OptimizerConfig(Config):
    """Adam, one for the texture and one for the networks."""

    learning_rate: float = Field(default=2e-4, gt=0, description="Rate of the networks.")
    texture_learning_rate: float = Field(default=1e-2, gt=0, description="Rate of the texture.")
    betas: tuple[_Decay, _Decay] = Field(default=(0.5, 0.999), description="Decay of the moments.")
    cosine: bool = Field(
        default=False, description="Let both rates fall to zero with a cosine schedule."
    )


class AnrLossConfig(Config):
    """Weights of ANR's losses (equations 3 to 8); the paper does not publish its own."""

    pixel: float = Field(default=10.0, ge=0, description="Masked L1 of both stages.")
    feature: float = Field(default=10.0, ge=0, description="Feature loss.")
    mask: float = Field(default=1.0, ge=0, description="Cross entropy of alpha with the mask.")
    adversarial: float = Field(default=1.0, ge=0, description="Multi-scale adversarial loss.")
    tv_image: float = Field(default=0.01, ge=0, description="Total variation of the picture.")
    tv_mask: float = Field(default=0.01, ge=0, description="Total variation of alpha.")
    composite: float = Field(
        default=0.0, ge=0, description="L1 of the composited picture; not in the paper."
    )


class DnrLossConfig(Config):
    """Weights of DNR's losses."""

    pixel: float = Field(default=1.0, ge=0, description="L1 of the picture.")
    texture: float = Field(
        default=1.0, ge=0, description="L1 of auxiliary pictures: the textured mesh."
    )
    feature: float = Field(
        default=1.0, ge=0, description="Feature loss, as ANR's comparison gave it; 0: the original."
    )


class SplitConfig(Config):
    """Split optimisation: the texture learns from key frames, the networks from the others."""

    share: float = Field(
        default=0.1, gt=0, le=0.5, description="Key frames as a share of the training frames."
    )
    texels: int = Field(
        default=64, ge=8, le=128, description="Side of the chart at which coverage is counted."
    )


class DeferredConfig(MethodConfig):
    """What ANR and DNR share."""

    many_people: ClassVar[bool] = True

    size: int = Field(default=1024, ge=32, description="Height of the picture in pixels.")
    steps: int = Field(default=150_000, ge=1, description="Training steps of the whole schedule.")
    batch_size: int = Field(default=2, ge=1, description="Samples in a training step.")
    crop: CropConfig = Field(default=CropConfig(), description="Random crop and rescale.")
    features: FeatureLossConfig = Field(
        default=FeatureLossConfig(), description="Shape of the feature loss."
    )
    optimizer: OptimizerConfig = Field(
        default=OptimizerConfig(), description="Learning rates and moments."
    )
    networks_of: Path | None = Field(
        default=None, description="Run folder whose networks the training starts from."
    )
    learn: Literal["all", "texture"] = Field(
        default="all",
        description="all: train everything; texture: train only the texture of a new person.",
    )

    @field_validator("networks_of")
    @classmethod
    def _found_from_anywhere(cls, value: Path | None) -> Path | None:
        return value and value.resolve()

    @model_validator(mode="after")
    def _something_to_learn_with(self):
        if self.learn == "texture" and self.networks_of is None:
            raise PydanticCustomError(
                "learn",
                "learn=texture needs networks_of=RUN, because untrained networks "
                "cannot render a texture",
                {},
            )
        return self

    @model_validator(mode="after")
    def _has_a_texture(self):
        if not any(encoder.textured for encoder in self.encoders.values()):
            raise PydanticCustomError(
                "encoders",
                "method '{method}' needs an encoder with a texture, such as uv_texture",
                {"method": self.type},
            )
        return self

    @model_validator(mode="after")
    def _network_fits(self):
        smallest = min(self.width or self.size, self.size, self.crop.size or self.size)
        halvings = len(getattr(self.renderer, "widths", ()))
        if smallest < 2**halvings:
            raise PydanticCustomError(
                "widths",
                "renderer.widths halves {n} times: pictures of {size} pixels are too small for it",
                {"n": halvings, "size": smallest},
            )
        return self


def _anr_encoders() -> dict[str, EncoderConfig]:
    return {"texture": UvTextureConfig(), "normals": SurfaceNormalsConfig()}


def _dnr_encoders() -> dict[str, EncoderConfig]:
    texture = UvTextureConfig(channels=16, size=1024, levels=4, jitter=0.0, view_basis=True)
    return {"texture": texture}


class AnrConfig(DeferredConfig):
    """ANR, Articulated Neural Rendering (Raj et al., CVPR 2021)."""

    type: Literal["anr"] = "anr"
    encoders: dict[str, EncoderSlot] = Field(
        default_factory=_anr_encoders, description="Condition encoders by name."
    )
    renderer: RendererSlot = Field(
        default=TwoStageUNetConfig(late=("normals",)),
        description="Turns the conditions into a picture.",
    )
    loss: AnrLossConfig = Field(default=AnrLossConfig(), description="Weights of the losses.")
    split: SplitConfig | None = Field(
        default=SplitConfig(), description="Split optimisation; null: everything at every step."
    )
    discriminator: DiscriminatorConfig = Field(
        default=DiscriminatorConfig(), description="Used where loss.adversarial is not zero."
    )

    presets: ClassVar[dict[str, dict[str, Any]]] = ANR_PRESETS

    def wants(self) -> frozenset[OutputName]:
        """What equations 3 to 7 compare, where their weights are not zero."""
        loss = self.loss
        needs: dict[OutputName, float] = {
            "person": loss.pixel,
            "alpha": loss.pixel + loss.tv_mask,
            "alpha_logit": loss.mask,
        }
        return frozenset(name for name, weight in needs.items() if weight)


class DnrConfig(DeferredConfig):
    """DNR, Deferred Neural Rendering (Thies et al., SIGGRAPH 2019) on a skinned body."""

    type: Literal["dnr"] = "dnr"
    crop: CropConfig = Field(
        default=CropConfig(size=256, scale=(0.5, 2.0)), description="Random crop and rescale."
    )
    encoders: dict[str, EncoderSlot] = Field(
        default_factory=_dnr_encoders, description="Condition encoders by name."
    )
    renderer: RendererSlot = Field(
        default=DeferredUNetConfig(), description="Turns the conditions into a picture."
    )
    loss: DnrLossConfig = Field(default=DnrLossConfig(), description="Weights of the losses.")
    texture_decay: tuple[Annotated[float, Field(ge=0)], ...] = Field(
        default=(1e-2, 1e-3, 1e-4, 0.0),
        min_length=1,
        description="L2 penalty on the texture's levels, finest first; the last one repeats.",
    )
    optimizer: OptimizerConfig = Field(
        default=OptimizerConfig(learning_rate=1e-4, texture_learning_rate=1e-3, betas=(0.9, 0.999)),
        description="Learning rates and moments.",
    )

    presets: ClassVar[dict[str, dict[str, Any]]] = DNR_PRESETS

    def wants(self) -> frozenset[OutputName]:
        """The textured mesh, where its loss has a weight."""
        return frozenset({"auxiliary"}) if self.loss.texture else frozenset()
