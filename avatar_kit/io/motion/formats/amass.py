"""AMASS and its siblings: all joints of a frame in one row."""

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
from avatar_kit.io.motion.values import frame_rate, key, numbers, shaped

#: Keys of AMASS files whose poses stand in parts, and how wide each is.
_PARTS = {"root_orient": 3, "pose_body": 63, "pose_jaw": 3, "pose_eye": 6, "pose_hand": 90}

#: AIST++ dances, where the file is silent.
_AIST_RATE = 60.0

_LAYOUTS = {72: "SMPL", 156: "SMPL-H", 165: "SMPL-X"}


def _matches(source: Source) -> bool:
    keys = source.keys
    return {"poses", "trans"} <= keys or {"root_orient", "pose_body", "trans"} <= keys


def _read(source: Source, options: MotionOptions) -> Reading:
    data, path = source.data, source.path
    poses = _poses(data, path)
    frames, width = poses.shape
    trans = shaped(key(data, "trans", path), (frames, 3), f"{path}: key 'trans'")
    # BEAT2 keeps SMPL-X's own expressions, has y up, and hands relative to the mean hand
    beat = "expressions" in data
    fps, rate = frame_rate(data, path, options, 30.0 if beat else None)
    reading = Reading(
        f"{'BEAT2' if beat else 'AMASS'} ({_LAYOUTS[width]})",
        smpl.from_rows(fps, poses, trans),
        up="y" if beat else "z",
        pelvis=smpl.SMPLX_PELVIS if width == 165 else smpl.SMPL_PELVIS,
        smplx_rest=width == 165,
        rate=rate,  # type: ignore[arg-type]
        hands="fingers" if width > 72 else "",
        dropped=("expressions of SMPL-X",) if beat else (),
        clips=clips_of(data, frames, path),
    )
    return smpl.with_mean_hand(reading) if beat else reading


def _poses(data: Mapping[Any, Any], path: Path) -> np.ndarray:
    """[T, 72 | 156 | 165] axis-angle."""
    if "poses" in data:
        poses = key(data, "poses", path)
        if poses.ndim == 3 and poses.shape[2] == 3:
            poses = poses.reshape(len(poses), 3 * poses.shape[1])
    else:
        frames = len(np.atleast_1d(data["root_orient"]))
        parts = [
            numbers(data[name], f"{path}: key '{name}'") if name in data else np.zeros((frames, w))
            for name, w in _PARTS.items()
        ]
        for part, (name, width) in zip(parts, _PARTS.items(), strict=True):
            if part.size != frames * width:
                raise UserError(
                    f"{path}: key '{name}' has shape {part.shape}, expected ({frames}, {width})"
                )
        widths = _PARTS.values()
        rows = [part.reshape(frames, w) for part, w in zip(parts, widths, strict=True)]
        poses = np.concatenate(rows, axis=1)
    if poses.ndim != 2 or poses.shape[1] not in _LAYOUTS:
        raise UserError(
            f"{path}: key 'poses' has shape {poses.shape}, expected (T, 72), (T, 156) or (T, 165)"
        )
    return poses


def _matches_aist(source: Source) -> bool:
    return {"smpl_poses", "smpl_trans"} <= source.keys


def _read_aist(source: Source, options: MotionOptions) -> Reading:
    data, path = source.data, source.path
    poses = key(data, "smpl_poses", path)
    if poses.ndim == 3 and poses.shape[1:] == (24, 3):
        poses = poses.reshape(len(poses), 72)
    if poses.ndim != 2 or poses.shape[1] != 72:
        raise UserError(f"{path}: key 'smpl_poses' has shape {poses.shape}, expected (T, 72)")
    trans = shaped(key(data, "smpl_trans", path), (len(poses), 3), f"{path}: key 'smpl_trans'")
    scaling = key(data, "smpl_scaling", path).ravel() if "smpl_scaling" in data else np.ones(1)
    if len(scaling) != 1 or not scaling[0] > 0:
        raise UserError(f"{path}: key 'smpl_scaling' is {scaling}, expected one number above 0")
    scale = float(scaling[0])
    fps, rate = frame_rate(data, path, options, _AIST_RATE)
    notes = (
        () if "smpl_scaling" in data else ("has no smpl_scaling: places may be in another unit",)
    )
    return Reading(
        "AIST++ (SMPL)",
        smpl.from_rows(fps, poses, trans / scale),
        pelvis=smpl.SMPL_PELVIS,
        rate=rate,  # type: ignore[arg-type]
        notes=notes,
    )


FORMAT = Format("AMASS and BEAT2 (poses, trans)", _matches, _read)
AIST = Format("AIST++ (smpl_poses, smpl_trans, smpl_scaling)", _matches_aist, _read_aist)
