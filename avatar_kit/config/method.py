"""What every method can be asked for, and the wiring of an avatar."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from avatar_kit.config.base import ComponentConfig, Config
from avatar_kit.config.slots import (
    AlignerSlot,
    BodySlot,
    DatasetSlot,
    EncoderSlot,
    MetricSlot,
    RendererSlot,
)


class CheckpointConfig(Config):
    """When the state is saved and what is kept."""

    every: int = Field(default=1000, ge=1, description="Steps between checkpoints.")
    keep: int = Field(default=2, ge=1, description="How many of the latest checkpoints are kept.")


class EvaluationConfig(Config):
    """How the avatar is measured."""

    metrics: tuple[MetricSlot, ...] = Field(
        default=("psnr", "ssim", "st_lpips_alex", "st_tlpips_alex"),
        validate_default=True,
        description="Metrics to compute.",
    )
    max_frames: int | None = Field(
        default=None, ge=1, description="Frames of each split to evaluate; null: all."
    )
    crop_margin: float = Field(
        default=0.05, ge=0, description="Margin of the person crop, as a share of its size."
    )


class MethodConfig(ComponentConfig):
    """Keys every method has. A method's own config derives from this class.

    ``presets`` maps the preset names to the values that differ from the defaults, nested like the
    config itself. ``structural`` names keys that a resumed run may not change.
    """

    presets: ClassVar[dict[str, dict[str, Any]]] = {}
    structural: ClassVar[tuple[str, ...]] = (
        "type",
        "size",
        "seed",
        "batch_size",
        "body",
        "encoders",
        "renderer",
        "data",
    )

    preset: str = Field(default="", description="Name of the preset the values started from.")
    steps: int = Field(ge=1, description="Training steps of the whole schedule.")
    stop_at: int | None = Field(
        default=None, ge=0, description="Save and end at this step; null: run to `steps`."
    )
    seed: int = Field(default=0, ge=0, description="Seed of everything that is random.")
    device: str = Field(default="auto", description="auto, cpu, cuda or cuda:N.")
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        default="float32", description="Arithmetic of the networks."
    )
    size: int = Field(ge=32, description="Width and height of the trained picture in pixels.")
    batch_size: int = Field(ge=1, description="Frames in a training step.")
    average: float | None = Field(
        default=None,
        gt=0,
        description="Half-life in steps of the running average of the weights that is shown, "
        "measured and saved; null: the weights themselves.",
    )
    report_every: int = Field(default=10, ge=1, description="Steps between lines of the log.")
    checkpoint: CheckpointConfig = Field(
        default=CheckpointConfig(), description="When the state is saved."
    )
    evaluation: EvaluationConfig = Field(
        default_factory=EvaluationConfig, description="How the avatar is measured."
    )
    data: DatasetSlot = Field(
        default={},
        validate_default=True,
        description="The capture to train on.",
    )
    body: BodySlot = Field(
        default={},
        validate_default=True,
        description="The body model.",
    )
    encoders: dict[str, EncoderSlot] = Field(
        description="Condition encoders by name; null removes one."
    )
    renderer: RendererSlot = Field(description="Turns the conditions into a picture.")
    aligner: AlignerSlot = Field(
        default={},
        validate_default=True,
        description="Adapts driving motions.",
    )

    @property
    def frames_per_step(self) -> int:
        """Frames that one call of ``Method.training_step`` is given."""
        return self.batch_size

    @field_validator("encoders", mode="before")
    @classmethod
    def _null_removes_an_encoder(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: encoder for name, encoder in value.items() if encoder is not None}
        return value

    @model_validator(mode="after")
    def _parts_fit(self):
        for name, encoder in self.encoders.items():
            kind, _ = encoder.yields()
            if kind not in self.renderer.consumes:
                raise PydanticCustomError(
                    "fit",
                    "renderer '{renderer}' consumes {consumes}, but encoders.{name} "
                    "('{encoder}') yields {kind}",
                    {
                        "renderer": self.renderer.type,
                        "consumes": " and ".join(sorted(self.renderer.consumes)) or "nothing",
                        "name": name,
                        "encoder": encoder.type,
                        "kind": kind,
                    },
                )
        return self
