"""Typed configuration: pydantic models, component slots, layers, plain YAML."""

from avatar_kit.config.layers import Layer, Layered, parse_overrides, resolve_method
from avatar_kit.config.method import (
    CheckpointConfig,
    EvaluationConfig,
    MethodConfig,
    RefinementConfig,
)
from avatar_kit.config.slots import (
    AlignerSlot,
    BodySlot,
    DatasetSlot,
    EncoderSlot,
    MetricSlot,
    RendererSlot,
    TrackerSlot,
)
from avatar_kit.config.yaml import dump_yaml, load_yaml
from avatar_kit.declarations import (
    AlignerConfig,
    Benchmark,
    BodyConfig,
    ComponentConfig,
    ConditionKind,
    Config,
    DatasetConfig,
    EncoderConfig,
    ExporterConfig,
    Holds,
    MattingConfig,
    MetricConfig,
    OutputName,
    RendererConfig,
    TrackerConfig,
)
from avatar_kit.io.model_files import ModelFile

__all__ = [
    "AlignerConfig",
    "AlignerSlot",
    "Benchmark",
    "BodyConfig",
    "BodySlot",
    "CheckpointConfig",
    "ComponentConfig",
    "ConditionKind",
    "Config",
    "DatasetConfig",
    "DatasetSlot",
    "EncoderConfig",
    "EncoderSlot",
    "EvaluationConfig",
    "ExporterConfig",
    "Holds",
    "Layer",
    "Layered",
    "MattingConfig",
    "MethodConfig",
    "MetricConfig",
    "MetricSlot",
    "ModelFile",
    "OutputName",
    "RefinementConfig",
    "RendererConfig",
    "RendererSlot",
    "TrackerConfig",
    "TrackerSlot",
    "dump_yaml",
    "load_yaml",
    "parse_overrides",
    "resolve_method",
]
