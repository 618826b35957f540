"""The 52 expressions of ARKit as a table: of the app Live Link Face, and whatever has its names."""

from __future__ import annotations

import csv
import math
import re

import numpy as np
import roma
import torch

from avatar_kit.errors import UserError
from avatar_kit.io.motion.options import MotionOptions
from avatar_kit.io.motion.reading import Format, Reading
from avatar_kit.io.motion.source import Source
from avatar_kit.io.motion.standing import standing_body
from avatar_kit.io.motion.tracks import at_even_times
from avatar_kit.io.motion.values import checked_rate
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import ARKIT_CHANNELS, BODY_JOINTS

#: Frames per second of the app, where time codes do not tell.
_RATES = (24, 25, 30, 48, 50, 60)
_USUAL = 60.0

#: Seconds without a face that are filled.
_LONGEST_GAP = 60.0

#: hours:minutes:seconds:frames, and parts of a frame.
_TIMECODE = re.compile(r"(\d+):(\d+):(\d+)[:;](\d+)(?:\.(\d+))?$")

#: Values a little beyond [0, 1] are rounding.
_LEAST, _MOST = -0.1, 1.1
_PERCENT = 100.0

#: Part of the turn of the head that the neck takes.
_NECK_SHARE = 0.5

_ANGLES = ("headyaw", "headpitch", "headroll", "lefteyeyaw", "lefteyepitch", "lefteyeroll",
           "righteyeyaw", "righteyepitch", "righteyeroll")  # fmt: skip


def _matches(source: Source) -> bool:
    return source.kind == "table"


def _read(source: Source, options: MotionOptions) -> Reading:
    """A face, on a body that stands with hanging arms."""
    path = source.path
    header, rows = _table(source)
    columns = {name: i for i, name in enumerate(header)}
    channels = [name for name in ARKIT_CHANNELS if name.lower() in columns]
    if not channels:
        raise UserError(
            f"{path}: no column is called like an expression of ARKit, e.g. EyeBlinkLeft; the "
            f"columns are {', '.join(header[:8])} ..."
        )
    values = _numbers(rows, [columns[name.lower()] for name in channels], header, str(path))
    values, percent = _shares(values, channels, str(path))
    expression = torch.zeros(len(rows), len(ARKIT_CHANNELS))
    expression[:, [ARKIT_CHANNELS.index(name) for name in channels]] = torch.from_numpy(
        values.clip(0, 1)
    ).float()
    angles = [name for name in _ANGLES if name in columns]
    turns = _numbers(rows, [columns[name] for name in angles], header, str(path))
    times, fps, rate, notes = _times(rows, columns, path, options)
    motion = _standing(fps, expression, dict(zip(angles, turns.T, strict=True)), str(path))
    motion, gaps = at_even_times(motion, times)
    if percent:
        notes.append("values of 0 to 100 taken for per cent")
    if gaps:
        notes.append(f"{gaps} frames are missing, put between their neighbours")
    missing = len(ARKIT_CHANNELS) - len(channels)
    if missing:
        notes.append(f"{missing} of {len(ARKIT_CHANNELS)} expressions have no column: stay at 0")
    turned = ", head" if "headyaw" in angles else ""
    return Reading(
        "ARKit expressions (Live Link Face)", motion, sure_up=True, unit="m", placed=False,
        rate=rate, face=f"{len(channels)} expressions{turned}",  # type: ignore[arg-type]
        notes=tuple(notes),
    )  # fmt: skip


def _table(source: Source) -> tuple[list[str], list[list[str]]]:
    """Names of the columns in small letters, and the rows that say something."""
    lines = source.text().splitlines()
    try:
        parsed = [row for row in csv.reader(lines) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise UserError(f"{source.path}: no table of text ({error})") from None
    if len(parsed) < 2:
        raise UserError(f"{source.path}: holds no row of values below the names of its columns")
    header = [re.sub(r"[^a-z0-9]", "", name.lower()) for name in parsed[0]]
    double = {name for name in header if name and header.count(name) > 1}
    if double:
        raise UserError(f"{source.path}: the column {min(double)} is there twice")
    # the app writes rows of no values while it sees no face
    rows = [row for row in parsed[1:] if not (len(row) == 2 and row[1].strip() == "0")]
    for number, row in enumerate(parsed[1:], start=2):
        if len(row) != len(header) and row in rows:
            raise UserError(
                f"{source.path}: row {number} has {len(row)} values, expected {len(header)}"
            )
    if not rows:
        raise UserError(f"{source.path}: no row shows a face")
    return header, rows


def _numbers(rows: list[list[str]], columns: list[int], header: list[str], what: str) -> np.ndarray:
    """[T, C] finite numbers."""
    found = np.zeros((len(rows), len(columns)))
    for t, row in enumerate(rows):
        for c, column in enumerate(columns):
            try:
                found[t, c] = float(row[column])
            except ValueError:
                found[t, c] = math.nan
            if not math.isfinite(found[t, c]):
                raise UserError(
                    f"{what}: row {t + 2}, column {header[column]}: {row[column]!r:.40} is no "
                    "finite number"
                )
    return found


def _shares(values: np.ndarray, channels: list[str], what: str) -> tuple[np.ndarray, bool]:
    """Values in [0, 1], and whether they were given in per cent."""
    percent = values.max() > 2 and values.max() <= _PERCENT * _MOST
    if percent:
        values = values / _PERCENT
    if values.min() < _LEAST or values.max() > _MOST:
        t, c = np.unravel_index(np.abs(values - 0.5).argmax(), values.shape)
        raise UserError(
            f"{what}: row {t + 2}, column {channels[c]} is {values[t, c]:g}, expected 0 to 1"
        )
    return values, bool(percent)


def _times(
    rows: list[list[str]], columns: dict[str, int], path: object, options: MotionOptions
) -> tuple[np.ndarray, float, str, list[str]]:
    """[T] number of each row's frame, the rate, how it is known, and notes."""
    count = np.arange(float(len(rows)))
    usual = options.rate or _USUAL
    if "timecode" not in columns:
        rate = "stated" if options.rate else "guessed"
        return count, options.rate or 30.0, rate, []
    codes = [_TIMECODE.match(row[columns["timecode"]].strip()) for row in rows]
    if not all(codes):
        wrong = next(i for i, code in enumerate(codes) if code is None)
        text = rows[wrong][columns["timecode"]]
        raise UserError(
            f"{path}: row {wrong + 2}, column Timecode: {text!r:.40} is no time code, expected "
            "hours:minutes:seconds:frames"
        )
    parts = np.array([[int(c[i]) for i in (1, 2, 3, 4)] for c in codes if c], dtype=float)
    part = np.array([float(f"0.{c[5]}") if c and c[5] else 0.0 for c in codes])
    seconds, frames = parts[:, :3] @ (3600, 60, 1), parts[:, 3]
    told = np.ptp(seconds) >= 1 and frames.max() > 0
    fps = next((r for r in _RATES if r > frames.max()), None) if told else None
    if told and fps is None and options.rate is None:
        fps = int(frames.max()) + 1
    known = options.rate or (checked_rate(fps, f"{path}: Timecode") if fps else usual)
    if not told:
        return count, known, "stated" if options.rate else "guessed", []
    at = seconds * known + frames + part
    if (np.diff(at) <= 0).any():
        row = int((np.diff(at) <= 0).argmax()) + 3
        raise UserError(f"{path}: row {row}, column Timecode: not later than the row before")
    if len(at) > 1 and np.diff(at).max() > _LONGEST_GAP * known:
        row = int(np.diff(at).argmax()) + 3
        raise UserError(
            f"{path}: row {row}, column Timecode: {np.diff(at).max() / known:.0f} s after the row "
            f"before, expected at most {_LONGEST_GAP:g}; record it in parts"
        )
    return at - at[0], float(known), "stated", []


def _standing(
    fps: float, expression: torch.Tensor, angles: dict[str, np.ndarray], what: str
) -> Motion:
    """The face on a body that stands; yaw, pitch and roll of the head go to neck and head."""
    frames = len(expression)
    body, fields = standing_body(frames), {}
    for name, joint in (("head", ""), ("lefteye", "leye_pose"), ("righteye", "reye_pose")):
        parts = [angles.get(f"{name}{part}", np.zeros(frames)) for part in ("yaw", "pitch", "roll")]
        turn = torch.from_numpy(np.stack(parts, 1)).float()
        if float(turn.abs().max()) > math.pi + 1e-3:
            raise UserError(
                f"{what}: {name} turns by {float(turn.abs().max()):.3g}: expected radians"
            )
        vector = roma.unitquat_to_rotvec(roma.euler_to_unitquat("YXZ", list(turn.unbind(1))))
        if joint:
            fields[joint] = vector
            continue
        body[:, BODY_JOINTS.index("neck")] = _NECK_SHARE * vector
        body[:, BODY_JOINTS.index("head")] = (1 - _NECK_SHARE) * vector
    return Motion.rest(frames, fps, expression=expression, body_pose=body.flatten(1), **fields)


FORMAT = Format("ARKit expressions csv (Live Link Face)", _matches, _read)
