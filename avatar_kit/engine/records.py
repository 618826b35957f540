"""Schemas of the small files of a run folder; what they mean is said where they are written."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

#: Version of the layout of a checkpoint.
FORMAT = 1

_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Row = tuple[_Finite, _Finite, _Finite]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SubjectCamera(_Record):
    """A camera of the trained picture, OpenCV axes."""

    K: tuple[_Row, _Row, _Row]
    R: tuple[_Row, _Row, _Row]
    t: _Row
    width: int = Field(ge=1, le=16_384)
    height: int = Field(ge=1, le=16_384)


class BodyAsset(_Record):
    """Which data a body model was trained with."""

    name: str
    sha256: str


class SubjectRecord(_Record):
    """``subject.json``."""

    capture: str = Field(min_length=1)
    capture_key: str
    body: str = Field(min_length=1)
    body_asset: BodyAsset
    shape: dict[str, _Finite]
    cameras: dict[str, SubjectCamera] = Field(min_length=1)
    training_frames: int = Field(ge=1, le=10_000_000)
    fps: float = Field(gt=0, le=1000)
    clips: list[Annotated[int, Field(ge=1)]]


class Digests(BaseModel):
    """sha256 of the two files of a checkpoint."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: _Sha256 = Field(alias="weights.safetensors")
    training: _Sha256 = Field(alias="training.safetensors")


class OptimizerState(_Record):
    """What of an optimiser is no tensor: values by number of the parameter, and its groups."""

    plain: dict[Annotated[str, Field(pattern=r"^[0-9]{1,9}$")], dict[str, Any]]
    groups: list[dict[str, Any]]


class CheckpointState(_Record):
    """``state.json``; the digests of both files must be there, or nothing would be verified."""

    model_config = ConfigDict(frozen=True, extra="allow")

    format: Literal[1]
    step: int = Field(ge=0)
    method: str = ""
    best: tuple[int, float] | None = None
    optimizers: dict[str, OptimizerState] = {}
    seconds: float = Field(default=0.0, ge=0)
    returns: list[dict[str, Any]] = []
    processes: int = Field(default=1, ge=1)
    sha256: Digests
