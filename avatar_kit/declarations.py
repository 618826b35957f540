"""What a component declares about itself: the base classes of every config.

Torch-free: they are read to print help. Plugins import them from :mod:`avatar_kit.config`.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field

from avatar_kit.io.model_files import ModelFile

#: The kinds of conditions that encoders yield and renderers consume.
ConditionKind = Literal["feature_map", "gaussians", "vector"]
CONDITION_KINDS: tuple[ConditionKind, ...] = get_args(ConditionKind)

#: What a renderer may give: the fields of :class:`~avatar_kit.scene.RenderOutput`.
OutputName = Literal[
    "rgb", "alpha", "alpha_logit", "person", "background", "depth", "normals", "auxiliary"
]


#: What a file of an exporter holds; see :class:`ExporterConfig`.
Holds = Literal["pose", "motion", "avatar"]


class Config(BaseModel):
    """A frozen group of described values; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ComponentConfig(Config):
    """Config of a registered component; ``type`` is the name it was registered under."""

    #: Model files that a person may add and the component then uses; it works without them.
    models: ClassVar[tuple[ModelFile, ...]] = ()

    #: Model files that it cannot do without: where one is missing, the component is not loaded.
    needs: ClassVar[tuple[ModelFile, ...]] = ()

    #: Terms of the data or weights that it brings and that its distribution does not state: an
    #: SPDX id or a short sentence. Empty: it brings none.
    licence: ClassVar[str] = ""

    type: str = Field(description="Name of the component.")


class BodyConfig(ComponentConfig):
    """Config of a body model."""


class EncoderConfig(ComponentConfig):
    """Config of a condition encoder."""

    #: Whether it may serve several people in one model: what it knows of a person is in its charts,
    #: or in buffers that are found before training.
    many_people: ClassVar[bool] = False

    #: Whether it learns textures in the body's UV layout: ``Encoder.charts`` lists some.
    textured: ClassVar[bool] = False

    def yields(self) -> tuple[ConditionKind, int]:
        """Kind of the condition and its number of channels."""
        raise TypeError(f"{type(self).__name__} does not declare what it yields")


class RendererConfig(ComponentConfig):
    """Config of a renderer."""

    #: Kinds of conditions the renderer accepts.
    consumes: ClassVar[frozenset[ConditionKind]] = frozenset()

    #: Whether it may serve several people in one model: it learns nothing of one person.
    many_people: ClassVar[bool] = False

    def offers(self) -> frozenset[OutputName]:
        """The fields of the output that it fills; ``rgb`` is always there."""
        return frozenset({"rgb"})

    def multiple_of(self, height: int) -> int:
        """What the width of the picture must be a multiple of, for a picture of some height."""
        return 1


class AlignerConfig(ComponentConfig):
    """Config of a motion aligner."""


class Benchmark(Config):
    """What ``avatar-kit benchmark`` trains and measures on; the methods are the user's."""

    version: int = Field(ge=1, description="Counts up with every change of what follows.")
    captures: dict[str, dict[str, Any]] = Field(
        min_length=1, description="Name -> values of the dataset."
    )
    seeds: tuple[int, ...] = Field(min_length=1, description="Seeds to train with.")
    values: dict[str, Any] = Field(
        description="Values of every training that the benchmark fixes: size, evaluation."
    )


class DatasetConfig(ComponentConfig):
    """Config of a dataset."""

    #: The benchmark on this dataset, if it offers one.
    benchmark: ClassVar[Benchmark | None] = None


class TrackerConfig(ComponentConfig):
    """Config of a tracker."""

    def live(self) -> Self:
        """The config to track a camera in real time with: without what takes too long for that."""
        return self


class MattingConfig(ComponentConfig):
    """Config of a matting."""


class MetricConfig(ComponentConfig):
    """Config of a metric."""


class ExporterConfig(ComponentConfig):
    """Config of an exporter: its fields are the options of the format."""

    #: Suffixes of the files it writes, with the dot, in small letters: ``(".ply",)``.
    suffixes: ClassVar[tuple[str, ...]] = ()

    #: "pose": one pose a file, so that a motion is a file for each frame; "motion": a motion, where
    #: one is given; "avatar": what can be posed afterwards, and no motion.
    holds: ClassVar[Holds] = "pose"


#: Kind of component -> what its config must derive from.
CONFIG_BASES: dict[str, type[ComponentConfig]] = {
    "body": BodyConfig,
    "encoder": EncoderConfig,
    "renderer": RendererConfig,
    "aligner": AlignerConfig,
    "method": ComponentConfig,
    "dataset": DatasetConfig,
    "tracker": TrackerConfig,
    "matting": MattingConfig,
    "metric": MetricConfig,
    "exporter": ExporterConfig,
}
