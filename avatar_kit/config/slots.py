"""Slots: fields that take any registered component of a kind, told apart by ``type``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, SerializeAsAny, ValidationError
from pydantic_core import PydanticCustomError

from avatar_kit.declarations import (
    AlignerConfig,
    BodyConfig,
    ComponentConfig,
    DatasetConfig,
    EncoderConfig,
    MetricConfig,
    RendererConfig,
    TrackerConfig,
)
from avatar_kit.errors import UserError, shown
from avatar_kit.registry import catalog


def _resolver(kind: str):
    def resolve(value: Any) -> Any:
        return resolve_component(kind, value)

    return BeforeValidator(resolve)


def resolve_component(kind: str, value: Any) -> ComponentConfig:
    """Turn what a person wrote into the config of a registered component.

    Args:
        kind: Kind of component, e.g. "renderer".
        value: A config, a name, or a mapping with ``type`` (left out: the kind's default).
    """
    if isinstance(value, ComponentConfig):
        return value
    if isinstance(value, str):
        value = {"type": value}
    if not isinstance(value, dict):
        raise PydanticCustomError(
            "component", "expected the name of a {kind} or a mapping with 'type'", {"kind": kind}
        )
    name = value.get("type") or catalog().default(kind)
    if not isinstance(name, str):
        raise PydanticCustomError(
            "component",
            "'type' is {given}; expected the name of a {kind}",
            {"given": shown(name), "kind": kind},
        )
    try:
        component = catalog().get(kind, name)
    except UserError as error:
        raise PydanticCustomError("component", "{text}", {"text": str(error)}) from None
    try:
        return component.config.model_validate({**value, "type": name})
    except ValidationError as error:
        # pydantic would flatten these into one text: carry them up with their path instead
        raise PydanticCustomError(
            "nested",
            "{count} errors",
            {
                "count": error.error_count(),
                "cause": error,
                "model": component.config,
                "cause_of": value,
            },
        ) from None


BodySlot = Annotated[SerializeAsAny[BodyConfig], _resolver("body")]
EncoderSlot = Annotated[SerializeAsAny[EncoderConfig], _resolver("encoder")]
RendererSlot = Annotated[SerializeAsAny[RendererConfig], _resolver("renderer")]
AlignerSlot = Annotated[SerializeAsAny[AlignerConfig], _resolver("aligner")]
DatasetSlot = Annotated[SerializeAsAny[DatasetConfig], _resolver("dataset")]
TrackerSlot = Annotated[SerializeAsAny[TrackerConfig], _resolver("tracker")]
MetricSlot = Annotated[SerializeAsAny[MetricConfig], _resolver("metric")]
