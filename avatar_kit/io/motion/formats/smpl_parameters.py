"""SMPL, SMPL-H and SMPL-X parameters under the names of the package smplx; GVHMR's results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.io.motion import smpl
from avatar_kit.io.motion.clips import clips_of
from avatar_kit.io.motion.options import MotionOptions
from avatar_kit.io.motion.reading import Format, Reading
from avatar_kit.io.motion.source import Source
from avatar_kit.io.motion.values import axis_angles, frame_rate, key, numbers, shaped, tensor
from avatar_kit.scene import Motion

#: Joints of the fields that SMPL-X has besides the body.
PARTS = {"jaw_pose": 1, "leye_pose": 1, "reye_pose": 1, "left_hand_pose": 15, "right_hand_pose": 15}

#: Widths of hands in principal components of a model that is not here.
_COMPONENTS = (6, 12, 24)


def _matches(source: Source) -> bool:
    return {"global_orient", "body_pose"} <= source.keys


def _read(source: Source, options: MotionOptions) -> Reading:
    data = source.data
    reading = read_parameters(data, source.path, options)
    return _with_clips(reading, clips_of(data, len(reading.motion), source.path))


def _with_clips(reading: Reading, clips: Mapping[str, slice] | None) -> Reading:
    from dataclasses import replace

    return replace(reading, clips=clips)


def read_parameters(
    data: Mapping[Any, Any], path: Path | str, options: MotionOptions, usual: float | None = None
) -> Reading:
    """``global_orient``, ``body_pose`` (21 or 23 joints), ``transl``, jaw, eyes and hands.

    Of SMPL's 23 joints the last two (its hands) have no counterpart. Expression coefficients are
    those of SMPL-X's own basis and are left out. Where ``betas`` are given, ``transl`` moves the
    model's origin, not the pelvis.

    Args:
        data: Keys -> values.
        path: The file, and where in it, for messages.
        options: What the person said.
        usual: Rate of the format where the data are silent.

    Raises:
        UserError: A key has another shape or holds no numbers.
    """
    orient = key(data, "global_orient", path)
    frames = len(orient) if orient.ndim else 0
    body, joints = _body(key(data, "body_pose", path), frames, path)
    fields = {
        "global_orient": tensor(axis_angles(orient, 1, f"{path}: key 'global_orient'", frames)),
        "body_pose": tensor(body),
    }
    dropped: list[str] = []
    for name, count in PARTS.items():
        if name in data:
            value = numbers(data[name], f"{path}: key '{name}'")
            if count == 15 and frames and value.size in [frames * c for c in _COMPONENTS]:
                dropped.append(f"{name} in principal components")
            elif count == 15 and value.shape != (frames, 45) and value.ndim < 3:
                shaped(value, (frames, 45), f"{path}: key '{name}'")
            else:
                fields[name] = tensor(axis_angles(value, count, f"{path}: key '{name}'", frames))
    if "expression" in data:
        dropped.append("expressions of SMPL-X")
    notes = []
    if "transl" in data:
        transl = key(data, "transl", path)
        if transl.ndim == 3 and transl.shape[1] == 1:
            transl = transl[:, 0]
        transl = shaped(transl, (frames, 3), f"{path}: key 'transl'")
    else:
        transl = np.zeros((frames, 3))
        notes.append("does not say where the person is (key 'transl'): stays in place")
    fps, rate = frame_rate(data, path, options, usual)
    is_x = joints == 21 and any(name in data for name in PARTS)
    pelvis = (smpl.SMPLX_PELVIS if is_x else smpl.SMPL_PELVIS) if "betas" in data else (0.0,) * 3
    return Reading(
        "SMPL-X" if is_x else "SMPL",
        Motion.rest(frames, fps, transl=tensor(transl), **fields),
        pelvis=pelvis,
        smplx_rest=is_x,
        placed="transl" in data,
        rate=rate,  # type: ignore[arg-type]
        hands="fingers" if "left_hand_pose" in fields or "right_hand_pose" in fields else "",
        dropped=tuple(dropped),
        notes=tuple(notes),
    )


def _body(value: np.ndarray, frames: int, path: Path | str) -> tuple[np.ndarray, int]:
    """[T, 63] and the number of joints that were given."""
    for joints in (21, 23):
        if frames and value.size in (frames * joints * 3, frames * joints * 9):
            found = axis_angles(value, joints, f"{path}: key 'body_pose'", frames)
            return found[:, :63], joints
    if not frames:
        return np.zeros((0, 63)), 21
    raise UserError(
        f"{path}: key 'body_pose' has shape {value.shape}, expected ({frames}, 63) or "
        f"({frames}, 69) axis-angle values"
    )


def _matches_gvhmr(source: Source) -> bool:
    return "smpl_params_global" in source.keys


def _read_gvhmr(source: Source, options: MotionOptions) -> Reading:
    """The world's parameters: y up, the floor at 0; SMPL-X without hands, 30 frames/s."""
    from dataclasses import replace

    found = source.data["smpl_params_global"]
    where = f"{source.path}: key 'smpl_params_global'"
    if not isinstance(found, Mapping):
        raise UserError(f"{where} holds {type(found).__name__}, expected body_pose, transl ...")
    reading = read_parameters(found, where, options, 30.0)
    pelvis = smpl.SMPLX_PELVIS if "betas" in found else (0.0, 0.0, 0.0)
    return replace(reading, layout="GVHMR (SMPL-X)", pelvis=pelvis, unit="m", smplx_rest=True)


FORMAT = Format("SMPL and SMPL-X (global_orient, body_pose, transl)", _matches, _read)
GVHMR = Format("GVHMR .pt", _matches_gvhmr, _read_gvhmr)
