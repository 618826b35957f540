"""Which exporter writes a file, and whether what is asked for makes sense for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from avatar_kit.config import ExporterConfig
from avatar_kit.errors import UserError
from avatar_kit.io.documents import explain
from avatar_kit.registry import Component, catalog
from avatar_kit.scene import Motion

#: What stands for the number of a frame in the name of a file.
_NUMBER = re.compile(r"%0?\d*d")


@dataclass(frozen=True)
class ExportMotion:
    """Which poses are exported.

    Attributes:
        motion: The driving motion, in a world of its own; None: a training pose.
        title: What it is called in lines for a person.
        fps: Frame rate to resample it to; None: the capture's.
        frames: At most this many frames of it.
        frame: The one frame to take, of the driving motion or of the training poses; None: the
            first, or all where the format or the name of the file takes them.
    """

    motion: Motion | None = None
    title: str = "the motion"
    fps: float | None = None
    frames: int | None = None
    frame: int | None = None


def numbered(to: Path) -> bool:
    """Whether the name stands for a file for each frame."""
    return bool(_NUMBER.search(to.name))


def exporter_for(to: Path, values: Mapping[str, Any]) -> tuple[Component, ExporterConfig]:
    """The exporter that a file's suffix asks for; the longest suffix that fits counts.

    Args:
        to: The file to write.
        values: Options of the format, and ``type`` for the name of an exporter.

    Raises:
        UserError: No exporter writes such files, several do, or a value does not fit.
    """
    if to.is_dir():
        raise UserError(
            f"--to {to}: is a folder; name a file, or a file for each frame: {to / '%05d.ply'}"
        )
    component = _by_name(to, str(values["type"])) if "type" in values else _by_suffix(to)
    own = {key: value for key, value in values.items() if key != "type"}
    try:
        config = component.config.model_validate({**own, "type": component.name})
    except ValidationError as error:
        text = explain(error, component.config)
        raise UserError(f"exporter '{component.name}': {text}") from None
    return component, cast(ExporterConfig, config)


def _suffixes() -> dict[str, tuple[str, ...]]:
    """Name of each exporter -> its suffixes."""
    found = catalog().components("exporter")
    return {c.name: cast(type[ExporterConfig], c.config).suffixes for c in found}


def _by_name(to: Path, name: str) -> Component:
    component = catalog().get("exporter", name)
    suffixes = _suffixes()[name]
    if not to.name.lower().endswith(suffixes):
        raise UserError(f"--to {to}: exporter '{name}' writes {', '.join(suffixes)}")
    return component


def _by_suffix(to: Path) -> Component:
    known = _suffixes()
    name = to.name.lower()
    fitting = [(len(s), n) for n, suffixes in known.items() for s in suffixes if name.endswith(s)]
    longest = max(fitting, default=(0, ""))[0]
    names = sorted(n for length, n in fitting if length == longest)
    if not names:
        table = ", ".join(f"{' '.join(s)} ({n})" for n, s in sorted(known.items()))
        raise UserError(f"--to {to}: no exporter writes this suffix; supported: {table}")
    if len(names) > 1:
        raise UserError(
            f"--to {to}: {' and '.join(names)} write this suffix; choose one with type=NAME"
        )
    return catalog().get("exporter", names[0])


def check_shown(to: Path, config: ExporterConfig, shown: ExportMotion) -> None:
    """Refuse what the format or the name of the file makes no use of.

    Raises:
        UserError: Says which option, and why.
    """
    percents = str(to).count("%")
    if percents != len(_NUMBER.findall(to.name)) or percents > 1:
        raise UserError(f"--to {to}: the name may contain %05d once, for the number of a frame")
    for name, value in (("fps", shown.fps), ("frames", shown.frames)):
        if value is not None and not value > 0:
            raise UserError(f"--{name} {value:g}: must be positive")
        if value is not None and shown.motion is None:
            raise UserError(f"--{name}: applies to a driving motion; give --motion FILE too")
    if config.holds == "pose":
        _check_pose(to, shown)
    elif numbered(to) or shown.frame is not None:
        what = f"--to {to}" if numbered(to) else "--frame"
        raise UserError(f"{what}: {config.type} does not store single poses")
    elif config.holds == "avatar" and shown.motion is not None:
        raise UserError(f"--motion: {config.type} stores an avatar without a motion; omit --motion")


def _check_pose(to: Path, shown: ExportMotion) -> None:
    if numbered(to) and shown.motion is None:
        raise UserError(f"--to {to}: a file for each frame needs --motion FILE")
    if numbered(to) and shown.frame is not None:
        raise UserError(
            f"--frame: {to.name} names a file for every frame; omit --frame, or name one file"
        )
    if not numbered(to) and shown.frames is not None:
        each = f"{to.stem}_%05d{to.suffix}"
        raise UserError(f"--frames: {to.name} stores one pose; use --frame N, or --to {each}")


def check_leftovers(to: Path, files: list[Path]) -> None:
    """Refuse to mix a sequence with files of an earlier, longer one.

    Raises:
        UserError: There are files with numbers that this sequence does not write.
    """
    before, after = _NUMBER.split(to.name)
    pattern = re.compile(f"{re.escape(before)}\\d+{re.escape(after)}")
    there = [p.name for p in to.parent.iterdir()] if to.parent.is_dir() else []
    others = sorted({n for n in there if pattern.fullmatch(n)} - {f.name for f in files})
    if others:
        raise UserError(
            f"--to {to}: the folder contains {len(others)} files of another sequence "
            f"({others[0]}, ...); remove them or choose another name"
        )
