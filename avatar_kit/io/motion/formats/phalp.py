"""4DHumans and PHALP: joblib of frames, each with the people that were tracked in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from avatar_kit.errors import UserError, shown
from avatar_kit.io.motion import smpl
from avatar_kit.io.motion.options import MotionOptions
from avatar_kit.io.motion.reading import Format, Reading
from avatar_kit.io.motion.source import Source
from avatar_kit.io.motion.tracks import joined_people, without_gaps
from avatar_kit.io.motion.values import axis_angles, frame_rate, key, numbers


def _matches(source: Source) -> bool:
    if not source.keys:
        return False
    first = next(iter(source.data.values()))
    return isinstance(first, Mapping) and {"tid", "smpl", "camera"} <= first.keys()


def _read(source: Source, options: MotionOptions) -> Reading:
    """Each track, in the axes of the camera; frames in which a track was not seen are filled."""
    path = source.path
    fps, rate = frame_rate({}, path, options)
    people, filled = {}, 0
    for track, (frames, poses, places) in _tracks(source).items():
        motion = smpl.from_rows(fps, np.stack(poses), np.stack(places))
        people[str(track)], gaps = without_gaps(motion, np.array(frames), f"{path}: track {track}")
        filled += gaps
    motion, clips = joined_people(people, path)
    notes = (f"{filled} frames without the person, put between their neighbours",) if filled else ()
    return Reading(
        "4DHumans (SMPL)", motion, up="-y", unit="m", pelvis=smpl.SMPL_PELVIS, grounded=False,
        rate=rate, notes=notes, clips=clips,  # type: ignore[arg-type]
    )  # fmt: skip


def _tracks(source: Source) -> dict[int, tuple[list[int], list[np.ndarray], list[np.ndarray]]]:
    """Track -> frames, poses [72], places [3]."""
    tracks: dict[int, tuple[list[int], list[np.ndarray], list[np.ndarray]]] = {}
    for number, (name, frame) in enumerate(source.data.items()):
        where = f"{source.path}: frame {name!r:.60}"
        lists = _lists(frame, where)
        for i, track in enumerate(lists["tid"]):
            if lists["tracked_time"] and lists["tracked_time"][i] != 0:
                continue  # not seen in this frame: what the tracker expects
            if isinstance(track, bool) or not isinstance(track, int | np.integer):
                raise UserError(f"{where}: key 'tid' holds {shown(track)}, expected whole numbers")
            found = tracks.setdefault(int(track), ([], [], []))
            found[0].append(number)
            found[1].append(_pose(lists["smpl"][i], where))
            place = numbers(lists["camera"][i], f"{where}: key 'camera'")
            if place.size != 3:
                raise UserError(f"{where}: key 'camera' has shape {place.shape}, expected (3,)")
            found[2].append(place.ravel())
    return tracks


def _lists(frame: Any, where: str) -> dict[str, list]:
    """What a frame says of each of its people."""
    if not isinstance(frame, Mapping):
        raise UserError(f"{where} holds {type(frame).__name__}, expected tid, smpl, camera ...")
    lists = {}
    for name in ("tid", "smpl", "camera", "tracked_time"):
        found = frame.get(name, ())
        rows = found.ndim > 0 if isinstance(found, np.ndarray) else isinstance(found, list | tuple)
        if not rows:
            raise UserError(f"{where}: key '{name}' holds {shown(found)}, expected a list")
        lists[name] = list(found)
    count = len(lists["tid"])
    for name in ("smpl", "camera"):
        if len(lists[name]) != count:
            raise UserError(f"{where}: {len(lists[name])} values of {name} for {count} of tid")
    if len(lists["tracked_time"]) != count:
        lists["tracked_time"] = []
    return lists


def _pose(person: Any, where: str) -> np.ndarray:
    """[72] axis-angle."""
    if not isinstance(person, Mapping):
        raise UserError(
            f"{where}: key 'smpl' holds {type(person).__name__}, expected body_pose ..."
        )
    parts = [("global_orient", 1), ("body_pose", 23)]
    found = [
        axis_angles(key(person, name, where)[None], joints, f"{where}: key '{name}'", 1)
        for name, joints in parts
    ]
    return np.concatenate(found, axis=1)[0]


FORMAT = Format("4DHumans and PHALP pkl", _matches, _read)
