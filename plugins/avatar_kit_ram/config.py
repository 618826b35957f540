"""Configs of RAM-Avatar: its encoders, its renderer, its training. Torch-free."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator
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
from avatar_kit_ram.presets import RAM_PRESETS
from avatar_kit_ram.training_config import DiscriminatorConfig, StagesConfig

#: Decay of a moment of Adam.
_Decay = Annotated[float, Field(ge=0, lt=1)]


class NeuralTextureConfig(EncoderConfig):
    """A learned texture of features on the body's surface, rasterised."""

    textured: ClassVar[bool] = True

    type: Literal["neural_texture"] = "neural_texture"
    channels: int = Field(default=48, ge=1, le=4096, description="Features of a texel.")
    size: int = Field(
        default=1024, ge=1, le=8192, description="Width and height of the texture in texels."
    )
    levels: int = Field(
        default=1,
        ge=1,
        le=16,
        description="Textures that are summed, each half the size of the one before it.",
    )
    expansion: float = Field(
        default=0.0,
        ge=0,
        description="Expand the surface outwards by this many metres: a shell that contains loose "
        "clothes and hair.",
    )
    normals: bool = Field(
        default=False, description="Append the surface normal in camera axes (3 channels)."
    )

    def yields(self) -> tuple[ConditionKind, int]:
        """A feature map."""
        return "feature_map", self.channels + 3 * self.normals


class FaceMapConfig(EncoderConfig):
    """The face region with its normals and coordinates, through a shallow U-Net."""

    type: Literal["face_map"] = "face_map"
    channels: int = Field(
        default=16, ge=2, le=4096, multiple_of=2, description="Features of a pixel."
    )

    def yields(self) -> tuple[ConditionKind, int]:
        """A feature map."""
        return "feature_map", self.channels


class HandMapConfig(EncoderConfig):
    """The skeletons of both hands, one channel per finger, through a shallow U-Net."""

    type: Literal["hand_map"] = "hand_map"
    channels: int = Field(
        default=16, ge=2, le=4096, multiple_of=2, description="Features of a pixel."
    )
    line_width: float = Field(
        default=9.0, gt=0, description="Thickness of a bone in pixels of a picture 1024 high."
    )

    def yields(self) -> tuple[ConditionKind, int]:
        """A feature map."""
        return "feature_map", self.channels


class FrameCodeConfig(EncoderConfig):
    """A learned style code for each training frame; their mean for every other frame."""

    type: Literal["frame_code"] = "frame_code"
    size: int = Field(default=512, ge=1, le=8192, description="Length of the code.")

    def yields(self) -> tuple[ConditionKind, int]:
        """A vector."""
        return "vector", self.size


class AttentiveTextureConfig(NeuralTextureConfig):
    """A neural texture whose features attend to a shell around the body and to the last frame."""

    type: Literal["attentive_texture"] = "attentive_texture"  # type: ignore[assignment]
    spatial: bool = Field(default=True, description="Query from the body pulled outwards.")
    temporal: bool = Field(default=True, description="Query from the body one frame before.")
    query_expansion: float = Field(
        default=0.01, ge=0, description="Expand the query's surface outwards by this many metres."
    )
    distance_mode: Literal["multiply", "bias", "none"] = Field(
        default="multiply",
        description="How the distance weight d enters an energy a: d a, as in the paper; "
        "a + log d; not at all.",
    )
    stride: int = Field(
        default=8,
        ge=1,
        le=65_536,
        description="Pixels for one cell of the attention, on each axis.",
    )
    query_samples: int = Field(
        default=2,
        ge=1,
        le=65_536,
        description="Samples of the query's body on each axis of a cell.",
    )
    query_channels: int = Field(
        default=24, ge=1, le=4096, description="Channels of queries and keys."
    )
    kernel: Literal["torch", "triton"] = Field(
        default="torch",
        description="What computes the attention: torch anywhere; triton in fused kernels, on "
        "CUDA, with at most 128 query_channels. A trained avatar opens without Triton.",
    )

    @field_validator("kernel")
    @classmethod
    def _fits(cls, kernel: str, info: ValidationInfo) -> str:
        if kernel == "triton" and info.data.get("query_channels", 0) > 128:
            raise PydanticCustomError("kernel", "torch, or at most 128 query_channels")
        return kernel


class StyleUNetConfig(RendererConfig):
    """The StyleUNet: a style-modulated U-Net that paints Haar wavelet bands."""

    type: Literal["style_unet"] = "style_unet"
    consumes: ClassVar[frozenset[ConditionKind]] = frozenset({"feature_map", "vector"})

    channel_multiplier: float = Field(
        default=2.0, gt=0, description="Width: 16384 x this / resolution channels, within limits."
    )
    max_channels: int = Field(default=512, ge=1, le=4096, description="Most channels of a level.")
    style: int = Field(default=512, ge=1, le=4096, description="Length of the style vector.")
    background: Literal["painted", "plate", "composite"] = Field(
        default="painted",
        description="painted: by the network, as in the paper; plate: a learned still picture, "
        "over which the network paints the person; composite: the network paints "
        "only the person and alpha, trained over random colours and shown over the "
        "capture's empty scene.",
    )
    shadow: str | None = Field(
        default=None,
        description="Name of the encoder whose maps darken the plate; null: none does.",
    )
    shortcut: bool = Field(
        default=False,
        description="Let the conditions reach the finest level: through a skip connection, and by "
        "a linear readout that is added to the colours.",
    )
    bare_skips: bool = Field(
        default=False,
        description="Features go from the encoder to the decoder before the conditions of their "
        "level are added to them, as in the released code; else after.",
    )
    channels_last: bool = Field(
        default=True, description="Use the channels-last memory layout, which is faster."
    )

    def offers(self) -> frozenset[OutputName]:
        """The picture alone where the network paints the background."""
        if self.background == "painted":
            return frozenset({"rgb"})
        over_plate: frozenset[OutputName] = frozenset({"rgb", "alpha", "alpha_logit", "background"})
        return over_plate if self.background == "plate" else over_plate | {"person"}

    def multiple_of(self, height: int) -> int:
        """The network halves the picture down to 8 to 15 rows."""
        return size_step(height)


class LossConfig(Config):
    """Weights of the training loss (RAM-Avatar, equation 3)."""

    pixel: float = Field(default=5.0, ge=0, description="Weight of the mean absolute error.")
    smooth: float = Field(
        default=0.0,
        ge=0,
        description="Errors below this count by their square: noise in the recording pulls less.",
    )
    perceptual: float = Field(default=0.03, ge=0, description="Weight of the perceptual loss.")
    hand: float = Field(
        default=0.1, ge=0, description="Weight of the perceptual distance on crops of the hands."
    )
    adversarial: float = Field(
        default=0.02,
        ge=0,
        description="Final weight of the adversarial loss; 0: there is no discriminator.",
    )
    alpha: float | None = Field(
        default=None,
        ge=0,
        description="Weight of the cross entropy of alpha; null: 0.5 where the renderer offers "
        "alpha_logit, else 0.",
    )
    perceptual_stages: int = Field(
        default=5, ge=1, le=5, description="Stages of the VGG network to compare, shallow first."
    )
    perceptual_size: int | None = Field(
        default=512,
        ge=32,
        le=8192,
        description="Downsample what is compared to at most this many pixels.",
    )
    perceptual_crop: int | None = Field(
        default=None,
        ge=32,
        le=8192,
        description="Compare this many pixels square where the error is; null: the whole picture.",
    )


class OptimizerConfig(Config):
    """Adam: linear warm-up, then a cosine."""

    learning_rate: float = Field(default=1e-4, gt=0, description="Peak rate of the networks.")
    texture_learning_rate: float = Field(default=1e-4, gt=0, description="Peak rate of textures.")
    weight_decay: float = Field(
        default=1e-4, ge=0, description="L2 penalty on the weights of the networks."
    )
    warm_up: int = Field(
        default=0, ge=0, le=1_000_000_000, description="Steps until the peak rate is reached."
    )
    betas: tuple[_Decay, _Decay] = Field(default=(0.9, 0.99), description="Decay of the moments.")
    end: float = Field(
        default=0.0, ge=0, le=1, description="Where the cosine ends, as a share of the peak rate."
    )
    clip: float | None = Field(
        default=None, gt=0, description="Largest norm of all gradients together; null: any."
    )


def size_step(side: int) -> int:
    """What both sides of a picture are a multiple of, whose longer side is this many pixels."""
    return 2 ** max(2, side.bit_length() - 4)


def _encoders() -> dict[str, EncoderConfig]:
    return {
        "body": AttentiveTextureConfig(),
        "face": FaceMapConfig(),
        "hands": HandMapConfig(),
        "style": FrameCodeConfig(),
    }


class RamConfig(MethodConfig):
    """RAM-Avatar (Deng et al., CVPR 2024). The defaults are those of its supplement; the preset
    `paper` adds what the released code does.

    The preset `demo` leaves out what does not earn its time on two CPU cores: the attention, the
    discriminator, the hand loss. Config values alone bring each of them back. `live` is `demo` with
    a quarter of the network's work.
    """

    type: Literal["ram"] = "ram"
    structural: ClassVar[tuple[str, ...]] = (*MethodConfig.structural, "accumulate")
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="Arithmetic of the networks."
    )
    steps: int = Field(
        default=150_000, ge=1, le=1_000_000_000, description="Training steps of the whole schedule."
    )
    size: int = Field(default=1024, ge=32, le=8192, description="Height of the picture in pixels.")
    batch_size: int = Field(default=1, ge=1, le=65_536, description="Samples computed at once.")
    accumulate: int = Field(
        default=1,
        ge=1,
        le=65_536,
        description="Batches whose gradients are summed for one update.",
    )
    compile: bool = Field(
        default=False, description="torch.compile the network; needs a compiler on the machine."
    )
    average: float | None = Field(
        default=1000.0,
        gt=0,
        description="Half-life in steps of the running average of the weights that is shown, "
        "measured and saved; null: the weights themselves.",
    )
    encoders: dict[str, EncoderSlot] = Field(
        default_factory=_encoders, description="Condition encoders by name."
    )
    renderer: RendererSlot = Field(
        default=StyleUNetConfig(), description="Turns the conditions into a picture."
    )
    loss: LossConfig = Field(default=LossConfig(), description="Weights of the training loss.")
    optimizer: OptimizerConfig = Field(
        default=OptimizerConfig(), description="Learning rates and decay."
    )
    discriminator: DiscriminatorConfig = Field(
        default=DiscriminatorConfig(), description="Judges a picture between its neighbours."
    )
    stages: StagesConfig = Field(
        default=StagesConfig(), description="When parts of the training begin and end."
    )

    @property
    def samples_per_step(self) -> int:
        """Samples of one update."""
        return self.batch_size * self.accumulate

    def wants(self) -> frozenset[OutputName]:
        """Alpha before its sigmoid, where a weight was given to its loss."""
        return frozenset({"alpha_logit"}) if self.loss.alpha else frozenset()

    presets: ClassVar[dict[str, dict[str, Any]]] = RAM_PRESETS
