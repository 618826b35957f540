"""WHAM: joblib of people, each with poses of the camera and of the world."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from avatar_kit.io.motion import smpl
from avatar_kit.io.motion.options import MotionOptions
from avatar_kit.io.motion.reading import Format, Reading
from avatar_kit.io.motion.source import Source
from avatar_kit.io.motion.tracks import joined_people, without_gaps
from avatar_kit.io.motion.values import axis_angles, frame_rate, key, shaped


def _matches(source: Source) -> bool:
    if not source.keys:
        return False
    people = list(source.data.values())
    return all(isinstance(p, Mapping) and {"pose", "trans"} <= p.keys() for p in people)


def _read(source: Source, options: MotionOptions) -> Reading:
    """The world's poses where they are there, else the camera's."""
    path, people, filled = source.path, {}, 0
    world = all("pose_world" in person for person in source.data.values())
    for name, person in source.data.items():
        where = f"{path}: person {name}"
        suffix = "_world" if world else ""
        poses = axis_angles(key(person, f"pose{suffix}", where), 24, f"{where}: key 'pose{suffix}'")
        trans = key(person, f"trans{suffix}", where)
        trans = shaped(trans, (len(poses), 3), f"{where}: key 'trans{suffix}'")
        fps, rate = frame_rate(person, where, options)
        motion = smpl.from_rows(fps, poses, trans)
        frames = (
            key(person, "frame_ids", where) if "frame_ids" in person else np.arange(len(motion))
        )
        people[str(name)], gaps = without_gaps(motion, frames, f"{where}: key 'frame_ids'")
        filled += gaps
    motion, clips = joined_people(people, path)
    notes = (f"{filled} frames without the person, put between their neighbours",) if filled else ()
    return Reading(
        "WHAM (SMPL)", motion, up="y" if world else "-y", unit="m", pelvis=smpl.SMPL_PELVIS,
        grounded=False, rate=rate, notes=notes, clips=clips,  # type: ignore[arg-type]
    )  # fmt: skip


FORMAT = Format("WHAM pkl", _matches, _read)
