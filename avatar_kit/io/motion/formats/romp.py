"""ROMP and TRAM: results of trackers in the axes of the camera."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.io.motion import smpl
from avatar_kit.io.motion.options import MotionOptions
from avatar_kit.io.motion.reading import Format, Reading
from avatar_kit.io.motion.source import Source
from avatar_kit.io.motion.tracks import joined_people, without_gaps
from avatar_kit.io.motion.values import axis_angles, frame_rate, in_rows, key, numbers, shaped

#: Keys of ROMP that hold the pose of a person: all at once, or the root apart.
_THETAS, _PARTS = "smpl_thetas", ("global_orient", "body_pose")


def _is_person(value: Any) -> bool:
    return isinstance(value, Mapping) and (_THETAS in value or set(_PARTS) <= value.keys())


def _frames(source: Source) -> dict[Any, Any]:
    """Frame -> what was found in it."""
    results = source.data["results"] if source.keys == {"results"} else source.data
    if _is_person(results):
        return {0: results}
    if isinstance(results, list | np.ndarray):
        return dict(enumerate(results))
    return dict(results) if isinstance(results, Mapping) else {}


def _matches(source: Source) -> bool:
    if source.keys != {"results"} and not any(str(k).lower().endswith(
            (".jpg", ".png")) for k in list(source.keys)[:1]):  # fmt: skip
        return False
    frames = _frames(source)
    return bool(frames) and all(_is_person(value) for value in list(frames.values())[:1])


def _read(source: Source, options: MotionOptions) -> Reading:
    """Each track, or the first person of each frame where there are no tracks."""
    fps, rate = frame_rate({}, source.path, options)
    found: dict[str, list[tuple[int, np.ndarray, np.ndarray]]] = {}
    several = False
    for number, (name, frame) in enumerate(_frames(source).items()):
        where = f"{source.path}: frame {str(name)[-40:]!r}"
        poses, places = _people(frame, where)
        tracks = frame.get("track_ids")
        if tracks is None:
            several |= len(poses) > 1
            poses, places, tracks = poses[:1], places[:1], [""] * min(1, len(poses))
        if len(tracks) != len(poses):
            raise UserError(f"{where}: {len(tracks)} track_ids for {len(poses)} people")
        for track, pose, place in zip(tracks, poses, places, strict=True):
            found.setdefault(str(track), []).append((number, pose, place))
    people, filled = {}, 0
    for name, rows in found.items():
        frames, poses, places = (np.array(values) for values in zip(*rows, strict=True))
        motion = smpl.from_rows(fps, poses, places)
        people[name], gaps = without_gaps(motion, frames, f"{source.path}: track {name}")
        filled += gaps
    motion, clips = joined_people(people, source.path)
    notes = [f"{filled} frames without the person, put between their neighbours"] if filled else []
    if several:
        notes.append("several people without tracks: the first of each frame is taken")
    return Reading(
        "ROMP (SMPL)", motion, up="-y", unit="m", pelvis=smpl.SMPL_PELVIS, grounded=False,
        rate=rate, notes=tuple(notes), clips=clips,  # type: ignore[arg-type]
    )  # fmt: skip


def _people(frame: Any, where: str) -> tuple[np.ndarray, np.ndarray]:
    """[N, 72] poses and [N, 3] places of the people of a frame."""
    if not _is_person(frame):
        raise UserError(f"{where}: expected smpl_thetas, or global_orient and body_pose")
    if _THETAS in frame:
        poses = axis_angles(key(frame, _THETAS, where), 24, f"{where}: key '{_THETAS}'")
    else:
        root, body = (key(frame, name, where) for name in _PARTS)
        count = len(root) if root.ndim else 0
        joints = 21 if body.size == count * 63 else 23
        parts = [
            axis_angles(root, 1, f"{where}: key 'global_orient'", count),
            axis_angles(body, joints, f"{where}: key 'body_pose'", count),
        ]
        poses = np.concatenate([*parts, np.zeros((count, 3 * (23 - joints)))], axis=1)
    name = next((n for n in ("cam_trans", "transl", "trans") if n in frame), None)
    places = np.zeros((len(poses), 3)) if name is None else key(frame, name, where)
    what = f"{where}: places"
    return poses, shaped(in_rows(places, (3,), what), (len(poses), 3), what)


def _matches_tram(source: Source) -> bool:
    return {"pred_rotmat", "pred_trans"} <= source.keys


def _read_tram(source: Source, options: MotionOptions) -> Reading:
    data, path = source.data, source.path
    poses = axis_angles(key(data, "pred_rotmat", path), 24, f"{path}: key 'pred_rotmat'")
    what = f"{path}: key 'pred_trans'"
    places = shaped(in_rows(key(data, "pred_trans", path), (3,), what), (len(poses), 3), what)
    fps, rate = frame_rate(data, path, options)
    motion, gaps = smpl.from_rows(fps, poses, places), 0
    if "frame" in data:
        frames = numbers(data["frame"], f"{path}: key 'frame'").ravel()
        motion, gaps = without_gaps(motion, frames, f"{path}: key 'frame'")
    notes = ["places are seen from TRAM's camera, which may move"]
    if gaps:
        notes.append(f"{gaps} frames without the person, put between their neighbours")
    return Reading(
        "TRAM (SMPL)", motion, up="-y", unit="m", pelvis=smpl.SMPL_PELVIS, grounded=False,
        rate=rate, notes=tuple(notes),  # type: ignore[arg-type]
    )  # fmt: skip


FORMAT = Format("ROMP npz", _matches, _read)
TRAM = Format("TRAM npy", _matches_tram, _read_tram)
