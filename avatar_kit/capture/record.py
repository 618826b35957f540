"""``capture.json``: what a capture folder says about itself."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from avatar_kit.errors import UserError, near

#: Version of the folder's layout. A reader refuses any other.
SCHEMA_VERSION = 1

RECORD = "capture.json"

_Row = tuple[float, float, float]
_Matrix = tuple[_Row, _Row, _Row]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CameraRecord(_Strict):
    """A static pinhole camera, OpenCV axes."""

    name: str = Field(description="Folder of its pictures below images/ and masks/.")
    K: _Matrix = Field(description="Intrinsics in pixels.")
    R: _Matrix = Field(description="World-to-camera rotation.")
    t: _Row = Field(description="World-to-camera translation in metres.")


class CaptureRecord(_Strict):
    """The content of ``capture.json``."""

    schema_version: Literal[1] = Field(description="Version of the folder's layout.")
    name: str = Field(description="Short name for tables.", min_length=1)
    frames: int = Field(description="Number of frames.", ge=1)
    fps: float = Field(description="Frames per second.", gt=0)
    width: int = Field(description="Width of the pictures in pixels.", ge=1)
    height: int = Field(description="Height of the pictures in pixels.", ge=1)
    images: Literal["jpg", "png", "mp4"] = Field(
        description="mp4: one file frames.mp4; otherwise images/<camera>/%06d of that format."
    )
    body: str = Field(description="Registered name of the body model that shape refers to.")
    shape: dict[str, float] = Field(description="Shape values of the body by name.")
    cameras: tuple[CameraRecord, ...] = Field(
        description="The cameras; exactly one in this version.", min_length=1, max_length=1
    )
    splits: dict[str, tuple[int, ...]] = Field(description="Named frame lists, disjoint.")
    clips: tuple[tuple[int, int], ...] = Field(
        description="Half-open ranges contiguous in time that tile all frames."
    )
    provenance: dict[str, Any] = Field(description="Stage -> what is known of it.")

    @model_validator(mode="after")
    def _consistent(self) -> CaptureRecord:
        _check_splits(self.splits, self.frames)
        _check_clips(self.clips, self.frames)
        return self


def _check_splits(splits: dict[str, tuple[int, ...]], frames: int) -> None:
    owner: dict[int, str] = {}
    for name, numbers in splits.items():
        for frame in numbers:
            if not 0 <= frame < frames:
                raise ValueError(f"splits.{name}: frame {frame} is not in 0..{frames - 1}")
            if frame in owner:
                raise ValueError(
                    f"splits.{name}: frame {frame} is also in splits.{owner[frame]}; "
                    "splits must not overlap"
                    if owner[frame] != name
                    else f"splits.{name}: frame {frame} is listed twice"
                )
            owner[frame] = name


def _check_clips(clips: tuple[tuple[int, int], ...], frames: int) -> None:
    edges = [(0, 0), *clips, (frames, frames)]
    tiled = all(a[1] == b[0] for a, b in pairwise(edges)) and all(a < b for a, b in clips)
    if not tiled:
        raise ValueError(
            f"clips: half-open ranges must tile 0..{frames} in order, got {list(map(list, clips))}"
        )


def read_record(root: Path) -> CaptureRecord:
    """Read and check ``capture.json``.

    Raises:
        UserError: The file is missing, is no JSON, has another schema version, unknown or missing
            keys, values of the wrong type, overlapping splits or clips that do not tile.
    """
    path = root / RECORD
    try:
        data = json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(
            f"{root}: not a capture folder ({RECORD} is missing); make one with avatar-kit prepare"
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid JSON ({error})") from None
    return parse_record(data, path)


def parse_record(data: Any, path: Path) -> CaptureRecord:
    """Check the parsed content of ``capture.json``; errors name ``path``."""
    if not isinstance(data, dict):
        raise UserError(f"{path}: expected a JSON object, found {type(data).__name__}")
    version = data.get("schema_version")
    if version != SCHEMA_VERSION:
        raise UserError(
            f"{path}: schema_version is {version!r}, this avatar-kit reads {SCHEMA_VERSION}; "
            "prepare the capture again, or install the version that wrote it"
        )
    try:
        return CaptureRecord.model_validate(data)
    except ValidationError as error:
        raise UserError(f"{path}: {_explain(error)}") from None


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = CaptureRecord.model_fields if "." not in key else CameraRecord.model_fields
        return f"unknown key '{key}'{near(key.rpartition('.')[2], list(known))}; remove it"
    if first["type"] == "missing":
        return f"key '{key}' is missing; prepare the capture again"
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    return f"{key}: {first['msg']}, got {first['input']!r}"


def dump_record(record: CaptureRecord) -> str:
    """The record as JSON that a person can read: lists of numbers stay on one line."""
    lines = [f'  "{key}": {_dump(value)}' for key, value in record.model_dump(mode="json").items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _dump(value: Any) -> str:
    if isinstance(value, dict) and value:
        inner = [f"    {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items()]
        return "{\n" + ",\n".join(inner) + "\n  }"
    return json.dumps(value)
