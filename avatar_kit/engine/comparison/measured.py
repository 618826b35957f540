"""What a finished training says of itself, read from its files and checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator

from avatar_kit.engine.run import RunFolder
from avatar_kit.errors import UserError, shown
from avatar_kit.io.documents import validated

_MEND = "evaluate the run again with  avatar-kit eval RUN"


class _Open(BaseModel):
    """Keys that are needed, among others."""

    model_config = ConfigDict(extra="allow", frozen=True)


class _Metric(_Open):
    higher_is_better: bool
    unit: str = ""
    weights_sha256: str | None
    unavailable: str = ""


class _Protocol(_Open):
    version: int
    capture_key: str
    height: int
    background: str
    max_frames: int | None
    metrics: dict[str, _Metric]


class _Scores(_Open):
    """A value for each metric, of the whole picture and of the person."""

    person: dict[str, float | None]

    def lacking(self, metrics: dict[str, _Metric]) -> str:
        """A metric that has no number, or null, in one of the two; empty: none."""
        full = self.model_extra or {}
        for name in metrics:
            if name not in self.person or not _is_score(full.get(name, "")):
                return name
        return ""


class _Split(_Scores):
    n: int = Field(ge=1)
    novelty: str | None = None
    baselines: dict[str, _Scores]


class _Test(_Open):
    """The content of ``eval/test.json``."""

    protocol: _Protocol
    splits: dict[str, _Split]

    @model_validator(mode="after")
    def _scored(self) -> _Test:
        for name, split in self.splits.items():
            for who, scores in {"": split, **split.baselines}.items():
                if metric := scores.lacking(self.protocol.metrics):
                    at = f"splits.{name}" + (f".baselines.{who}" if who else "")
                    raise ValueError(f"{at}: no value of {shown(metric)} for picture and person")
        return self


class _Frames(RootModel[dict[str, dict[Literal["full", "person"], dict[str, list[float | None]]]]]):
    """The content of ``eval/frames.json``."""


class _Summary(_Open):
    """The content of ``summary.json``."""

    steps: int = Field(ge=0)
    seconds: float = Field(ge=0)
    parameters: int = Field(ge=1)
    milliseconds: float | None


@dataclass(frozen=True)
class Measured:
    """The files of a finished training.

    Attributes:
        test: ``eval/test.json``: protocol and splits.
        frames: ``eval/frames.json``: split -> region -> metric -> a value for each frame.
        summary: ``summary.json``.
    """

    test: dict[str, Any]
    frames: dict[str, Any]
    summary: dict[str, Any]


def read_measured(root: Path) -> Measured:
    """Read what the evaluation of a run wrote.

    Args:
        root: The run folder.

    Raises:
        UserError: A file is missing or damaged, a key or a score is, or the files do not fit each
            other.
    """
    run = RunFolder(root)
    names: dict[str, type[BaseModel]] = {
        "eval/test.json": _Test,
        "eval/frames.json": _Frames,
        "summary.json": _Summary,
    }
    test, frames, summary = (run.read_json(name) for name in names)
    for (name, model), values in zip(names.items(), (test, frames, summary), strict=True):
        validated(model, values, root / name, _MEND)
    for split, about in test["splits"].items():
        regions = frames.get(split, {})
        rows = [row for region in regions.values() for row in region.values()]
        if len(regions) < 2 or any(len(row) != about["n"] for row in rows):
            raise UserError(
                f"{root / 'eval/frames.json'}: {split}: expected a value for each of the "
                f"{about['n']} frames of eval/test.json; {_MEND}"
            )
    return Measured(test, frames, summary)


def _is_score(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
