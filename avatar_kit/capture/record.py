"""``capture.json``: what a capture folder says about itself."""

from __future__ import annotations

import json
import re
from itertools import combinations, pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from avatar_kit.errors import UserError, near, shown
from avatar_kit.io.documents import read_json, validated
from avatar_kit.io.unreadable import MAX_FRAMES, MAX_SIDE

#: Version of the folder's layout. Version 1, of one camera, is read too.
SCHEMA_VERSION = 2

#: Names of splits are those of files and rows of tables.
_SPLIT_NAME = re.compile(r"[\w-][\w.-]*")

RECORD = "capture.json"

#: Of a matrix or a place; float32 holds it, and so do squares of it.
_Value = Annotated[float, Field(ge=-1e9, le=1e9)]
_Row = tuple[_Value, _Value, _Value]
_Matrix = tuple[_Row, _Row, _Row]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CameraRecord(_Strict):
    """A pinhole camera, OpenCV axes; one that moves has a list with a value for every frame."""

    name: str = Field(
        description="Folder of its pictures below images/ and masks/.",
        pattern=r"^[\w-][\w.-]*$",
    )
    width: int = Field(description="Width of its pictures in pixels.", ge=1, le=MAX_SIDE)
    height: int = Field(description="Height of its pictures in pixels.", ge=1, le=MAX_SIDE)
    K: _Matrix | tuple[_Matrix, ...] = Field(description="Intrinsics in pixels.")
    R: _Matrix | tuple[_Matrix, ...] = Field(description="World-to-camera rotation.")
    t: _Row | tuple[_Row, ...] = Field(description="World-to-camera translation in metres.")
    distortion: tuple[float, ...] = Field(
        default=(),
        description="Coefficients k1 k2 p1 p2 k3 k4 k5 k6 of the lens, as in OpenCV; as many as "
        "are known. Pictures are undistorted when they are read.",
        max_length=8,
    )
    frames: tuple[int, int] | None = Field(
        default=None,
        description="Half-open range of the frames it recorded, whole clips; left out: all.",
    )

    @model_serializer(mode="wrap")
    def _short(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = whole(self)
        if self.frames is None:
            del found["frames"]
        return found

    def recorded(self, frames: int) -> range:
        """The frames it recorded of a capture of so many."""
        return range(frames) if self.frames is None else range(*self.frames)


class SplitRecord(_Strict):
    """Frames and the cameras that saw them: every pair is a sample."""

    frames: tuple[int, ...] = Field(description="Frame numbers.")
    cameras: tuple[str, ...] | None = Field(
        default=None, description="Names of cameras; null: all.", min_length=1
    )

    @model_validator(mode="before")
    @classmethod
    def _frames_alone(cls, value: Any) -> Any:
        return value if isinstance(value, dict | SplitRecord) else {"frames": value}

    @model_serializer
    def _short(self) -> Any:
        frames = list(self.frames)
        if self.cameras is None:
            return frames
        return {"frames": frames, "cameras": list(self.cameras)}


class CaptureRecord(_Strict):
    """The content of ``capture.json``."""

    schema_version: Literal[2] = Field(description="Version of the folder's layout.")
    name: str = Field(description="Short name for tables.", min_length=1)
    frames: int = Field(description="Number of frames.", ge=1, le=MAX_FRAMES)
    fps: float = Field(description="Frames per second.", gt=0, le=1000)
    images: Literal["jpg", "png", "mp4"] = Field(
        description="mp4: one file videos/<camera>.mp4; otherwise images/<camera>/%06d of that "
        "format."
    )
    body: str = Field(description="Registered name of the body model that shape refers to.")
    shape: dict[str, float] = Field(description="Shape values of the body by name.")
    cameras: tuple[CameraRecord, ...] = Field(
        description="The cameras, the main one first.", min_length=1
    )
    splits: dict[str, SplitRecord] = Field(
        description="Named lists of frames, or of frames and cameras; no sample is in two."
    )
    clips: tuple[tuple[int, int], ...] = Field(
        description="Half-open ranges contiguous in time that tile all frames."
    )
    provenance: dict[str, Any] = Field(description="Stage -> what is known of it.")

    @model_validator(mode="after")
    def _consistent(self) -> CaptureRecord:
        _check_clips(self.clips, self.frames)
        _check_cameras(self.cameras, self.frames, self.clips)
        _check_splits(self.splits, self.frames, self.cameras)
        return self


def _check_cameras(
    cameras: tuple[CameraRecord, ...], frames: int, clips: tuple[tuple[int, int], ...]
) -> None:
    edges = {frame for clip in clips for frame in clip}
    names = [camera.name for camera in cameras]
    for i, camera in enumerate(cameras):
        if camera.name in names[:i]:
            raise ValueError(f"cameras: the name '{camera.name}' is there twice")
        for key in ("K", "R", "t"):
            value = getattr(camera, key)
            moves = not value or isinstance(value[0] if key == "t" else value[0][0], tuple)
            if moves and len(value) != frames:
                raise ValueError(
                    f"cameras.{camera.name}.{key}: {len(value)} values for {frames} frames; give "
                    "one for every frame, or one for all"
                )
        if camera.frames is not None and not (
            edges.issuperset(camera.frames) and camera.frames[0] < camera.frames[1]
        ):
            raise ValueError(
                f"cameras.{camera.name}.frames: {list(camera.frames)}; expected [from, to) of "
                f"whole clips, which are {list(map(list, clips))}"
            )


def _check_splits(
    splits: dict[str, SplitRecord], frames: int, recorded: tuple[CameraRecord, ...]
) -> None:
    cameras = [camera.name for camera in recorded]
    for name, split in splits.items():
        if not _SPLIT_NAME.fullmatch(name):
            raise ValueError(
                f"splits: the name {shown(name)}; expected letters, digits, _, - and ."
            )
        seen: set[int] = set()
        for frame in split.frames:
            if not 0 <= frame < frames:
                raise ValueError(f"splits.{name}: frame {frame} is not in 0..{frames - 1}")
            if frame in seen:
                raise ValueError(f"splits.{name}: frame {frame} is listed twice")
            seen.add(frame)
        for i, camera in enumerate(split.cameras or ()):
            if camera not in cameras:
                raise ValueError(
                    f"splits.{name}: there is no camera '{camera}'{near(camera, cameras)}; known: "
                    f"{', '.join(cameras)}"
                )
            if camera in (split.cameras or ())[:i]:
                raise ValueError(f"splits.{name}: camera '{camera}' is listed twice")
        _check_samples(name, split, frames, recorded)
    for (a, first), (b, second) in combinations(splits.items(), 2):
        both = set(first.frames) & set(second.frames)
        shared = set(first.cameras or cameras) & set(second.cameras or cameras)
        if both and (
            twice := [
                frame
                for camera in recorded
                if camera.name in shared
                for frame in both.intersection(camera.recorded(frames))
            ]
        ):
            raise ValueError(
                f"splits.{b}: frame {min(twice)} is also in splits.{a}; splits must not overlap"
            )


def _check_samples(
    name: str, split: SplitRecord, frames: int, recorded: tuple[CameraRecord, ...]
) -> None:
    """Refuse a split of which no frame was recorded by one of its cameras."""
    if not split.frames:
        raise ValueError(f"splits.{name}: lists no frame; leave the split out")
    seeing = [c for c in recorded if split.cameras is None or c.name in split.cameras]
    if not any(set(split.frames).intersection(c.recorded(frames)) for c in seeing):
        raise ValueError(
            f"splits.{name}: has no sample: none of its frames was recorded by one of its cameras "
            f"({', '.join(f'{c.name} {_span(c.recorded(frames))}' for c in seeing[:5])})"
        )


def _span(frames: range) -> str:
    return f"recorded {frames.start} to {frames.stop - 1}"


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
    if not path.exists():
        raise UserError(
            f"{root}: not a capture folder ({RECORD} is missing); make one with avatar-kit "
            "prepare, or name the dataset that reads it, as in --data 'NAME path=FOLDER'"
        )
    return parse_record(read_json(path, what="capture record"), path)


def parse_record(data: Any, path: Path) -> CaptureRecord:
    """Check the parsed content of ``capture.json``; errors name ``path``."""
    if not isinstance(data, dict):
        raise UserError(f"{path}: expected a JSON object, found {shown(data)}")
    version = data.get("schema_version")
    if version == 1:
        data = _from_version_1(data)
    elif version != SCHEMA_VERSION:
        raise UserError(
            f"{path}: schema_version is {shown(version)}, this avatar-kit reads 1 to "
            f"{SCHEMA_VERSION}; prepare the capture again, or install the version that wrote it"
        )
    return validated(CaptureRecord, data, path, "mend it, or prepare the capture again")


def _from_version_1(data: dict[str, Any]) -> dict[str, Any]:
    """A record of version 1, whose one camera had the size that the record named."""
    size = {key: data[key] for key in ("width", "height") if key in data}
    rest = {key: value for key, value in data.items() if key not in size}
    cameras = data.get("cameras")
    if isinstance(cameras, list) and all(isinstance(camera, dict) for camera in cameras):
        rest["cameras"] = [{**camera, **size} for camera in cameras]
    return {**rest, "schema_version": SCHEMA_VERSION}


def dump_record(record: CaptureRecord) -> str:
    """The record as JSON that a person can read: lists of numbers stay on one line."""
    lines = [f'  "{key}": {_dump(value)}' for key, value in record.model_dump(mode="json").items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _dump(value: Any) -> str:
    if isinstance(value, dict) and value:
        inner = [f"    {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items()]
        return "{\n" + ",\n".join(inner) + "\n  }"
    return json.dumps(value)
