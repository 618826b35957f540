"""What every method can be asked for, and the wiring of an avatar."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from avatar_kit.config.slots import (
    AlignerSlot,
    BodySlot,
    DatasetSlot,
    EncoderSlot,
    MetricSlot,
    RendererSlot,
)
from avatar_kit.declarations import (
    CONDITION_KINDS,
    ComponentConfig,
    Config,
    EncoderConfig,
    OutputName,
    RendererConfig,
)
from avatar_kit.registry import catalog


class CheckpointConfig(Config):
    """When the state is saved and what is kept."""

    every: int = Field(
        default=1000, ge=1, le=1_000_000_000, description="Steps between checkpoints."
    )
    minutes: float | None = Field(
        default=10.0,
        gt=0,
        description="Minutes after which a checkpoint is written in any case; null: no limit.",
    )
    keep: int = Field(
        default=2,
        ge=1,
        le=1_000_000_000,
        description="Number of latest checkpoints to keep.",
    )


class EvaluationConfig(Config):
    """How the avatar is measured."""

    metrics: tuple[MetricSlot, ...] = Field(
        default=("psnr", "ssim", "st_lpips_alex", "st_tlpips_alex"),
        validate_default=True,
        description="Metrics to compute.",
    )
    max_frames: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000_000,
        description="Frames of each split to evaluate; null: all.",
    )
    crop_margin: float = Field(
        default=0.05, ge=0, description="Margin of the person crop, as a share of its size."
    )


class RefinementConfig(Config):
    """How tracked training poses are corrected."""

    learning_rate: float = Field(
        default=1e-3, gt=0, description="Adam's rate for angles in radians and shifts in metres."
    )
    weight: float = Field(
        default=1.0, ge=0, description="Weight of the squared size of the corrections."
    )
    smooth: float = Field(
        default=10.0,
        ge=0,
        description="Weight of the squared change of the corrections from frame to frame.",
    )
    camera: bool = Field(default=False, description="Correct where several cameras stand, too.")
    start: int = Field(
        default=0,
        ge=0,
        le=1_000_000_000,
        description="Steps before the corrections begin to learn.",
    )


class MethodConfig(ComponentConfig):
    """Keys every method has. A method's own config derives from this class.

    ``presets`` maps the preset names to the values that differ from the defaults, nested like the
    config itself. ``structural`` names keys that a resumed run may not change. ``many_people``
    says that the method can train several people in one model, where its parts can too.
    """

    presets: ClassVar[dict[str, dict[str, Any]]] = {}
    structural: ClassVar[tuple[str, ...]] = (
        "type",
        "size",
        "width",
        "seed",
        "batch_size",
        "body",
        "encoders",
        "renderer",
        "refine",
    )
    many_people: ClassVar[bool] = False

    preset: str = Field(default="", description="Name of the preset the values started from.")
    consent: str | None = Field(
        default=None,
        description="What the person agreed to, in your words; pictures and records repeat it.",
    )
    steps: int = Field(ge=1, le=1_000_000_000, description="Training steps of the whole schedule.")
    stop_at: int | None = Field(
        default=None,
        ge=0,
        le=1_000_000_000,
        description="Save and end at this step; null: run to `steps`.",
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="Seed of everything that is random.")
    device: str = Field(default="auto", description="auto, cpu, cuda or cuda:N.")
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="Arithmetic of the networks."
    )
    size: int = Field(ge=32, le=8192, description="Height of the trained picture in pixels.")
    width: int | None = Field(
        default=None,
        ge=16,
        le=8192,
        description="Width of the trained picture in pixels; null: what the person needs, or the "
        "height if that would save less than a quarter.",
    )
    batch_size: int = Field(ge=1, le=65_536, description="Samples in a training step.")
    average: float | None = Field(
        default=None,
        gt=0,
        description="Half-life in steps of the running average of the weights that is shown, "
        "measured and saved; null: the weights themselves.",
    )
    refine: RefinementConfig | Literal["tracked"] | None = Field(
        default=None,
        description="Learn small corrections of the training poses; null: no correction; "
        "tracked: correct them if a tracker found them. Test poses are never corrected.",
    )
    report_every: int = Field(
        default=10, ge=1, le=1_000_000_000, description="Steps between lines of the log."
    )
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
    others: tuple[DatasetSlot, ...] = Field(
        default=(),
        description="Captures of further people, who share the networks with the first.",
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
        description="Adapts driving motions to the avatar.",
    )

    @property
    def samples_per_step(self) -> int:
        """Samples that one call of ``Method.training_step`` is given."""
        return self.batch_size

    def wants(self) -> frozenset[OutputName]:
        """The fields of the renderer's output that the losses need, besides ``rgb``."""
        return frozenset()

    @field_validator("encoders", mode="before")
    @classmethod
    def _null_removes_an_encoder(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: encoder for name, encoder in value.items() if encoder is not None}
        return value

    @model_validator(mode="after")
    def _people_are_kept_apart(self):
        if not self.others:
            return self
        encoders = {f"encoders.{name}": encoder for name, encoder in self.encoders.items()}
        parts: dict[str, EncoderConfig | RendererConfig] = {**encoders, "renderer": self.renderer}
        mixing = [f"{k} ('{c.type}')" for k, c in parts.items() if not c.many_people]
        if mixing or not self.many_people:
            raise PydanticCustomError(
                "fit",
                "method '{method}' trains one person here, but there are {count} captures: "
                "{part} would mix them up; give one --data or take a method for many ({known})",
                {
                    "method": self.type,
                    "count": 1 + len(self.others),
                    "part": mixing[0] if mixing else "its training",
                    "known": ", ".join(_methods_for_several()) or "none is installed",
                },
            )
        return self

    @model_validator(mode="after")
    def _parts_fit(self):
        for name, encoder in self.encoders.items():
            kind, _ = encoder.yields()
            if kind not in CONDITION_KINDS:
                raise PydanticCustomError(
                    "fit",
                    "encoders.{name} ('{encoder}') yields '{kind}', which is no kind of condition; "
                    "there are {known}",
                    {
                        "name": name,
                        "encoder": encoder.type,
                        "kind": str(kind),
                        "known": ", ".join(CONDITION_KINDS),
                    },
                )
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
        offered = self.renderer.offers()
        if missing := sorted(self.wants() - offered):
            raise PydanticCustomError(
                "fit",
                "method '{method}' needs {missing} from its renderer, but renderer '{renderer}' "
                "offers {offered} alone; take another renderer, or set the weight of the loss "
                "that needs it to 0",
                {
                    "method": self.type,
                    "missing": " and ".join(missing),
                    "renderer": self.renderer.type,
                    "offered": ", ".join(sorted(offered)),
                },
            )
        return self


def _methods_for_several() -> list[str]:
    known = {name: catalog().get("method", name).config for name in catalog().names("method")}
    return [name for name, config in known.items() if getattr(config, "many_people", False)]
