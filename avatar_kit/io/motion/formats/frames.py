"""A file for each frame: ExAvatar and EasyMocap json, SMPLer-X npz; one such file alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import roma
import torch

from avatar_kit.errors import UserError
from avatar_kit.io.motion import smpl
from avatar_kit.io.motion.formats.smpl_parameters import read_parameters
from avatar_kit.io.motion.options import MotionOptions
from avatar_kit.io.motion.reading import Format, Reading
from avatar_kit.io.motion.source import Source
from avatar_kit.io.motion.tracks import joined_people, without_gaps
from avatar_kit.io.motion.values import key, numbers, shaped
from avatar_kit.scene import Motion
from avatar_kit.scene.motion import concatenate

#: ExAvatar's names -> those of the package smplx.
_EXAVATAR = {
    "root_pose": "global_orient", "body_pose": "body_pose", "jaw_pose": "jaw_pose",
    "leye_pose": "leye_pose", "reye_pose": "reye_pose", "lhand_pose": "left_hand_pose",
    "rhand_pose": "right_hand_pose", "trans": "transl",
}  # fmt: skip

#: Widths of EasyMocap's poses, a zero root before the body -> what follows the body.
_EASYMOCAP = {72: "", 78: "hands in principal components", 87: "hands in principal components",
              156: "", 165: ""}  # fmt: skip

#: frame, or frame_person
_NUMBERS = re.compile(r"(\d+)(?:_(\d+))?\D*$")


def _is_exavatar(value: Any) -> bool:
    return isinstance(value, Mapping) and {"root_pose", "body_pose", "trans"} <= value.keys()


def _is_easymocap(value: Any) -> bool:
    people = value.get("annots", value) if isinstance(value, Mapping) else value
    return isinstance(people, list) and bool(people) and all(
        isinstance(person, Mapping) and {"Rh", "Th", "poses"} <= person.keys() for person in people
    )  # fmt: skip


def _is_parameters(value: Any) -> bool:
    return isinstance(value, Mapping) and {"global_orient", "body_pose"} <= value.keys()


def _first(source: Source) -> Any:
    if source.kind == "folder":
        return Source(source.frames[0]).data if source.frames else None
    return source.data


def numbered_contents(source: Source) -> list[tuple[int, str, Any]]:
    """Frame, person (empty where the name has none) and content of each file of a folder."""
    if source.kind != "folder":
        return [(0, "", source.data)]
    found = []
    for path in source.frames:
        match = _NUMBERS.search(path.stem)
        assert match is not None
        found.append((int(match[1]), match[2] or "", Source(path).data))
    return found


def _read_exavatar(source: Source, options: MotionOptions) -> Reading:
    def one(value: Any, where: str) -> dict[str, Any]:
        if not _is_exavatar(value):
            raise UserError(f"{where}: expected root_pose, body_pose, trans, as in the first frame")
        named = {ours: value[name] for name, ours in _EXAVATAR.items() if name in value}
        return {**{k: _row(v, f"{where}: key '{k}'") for k, v in named.items()}, "betas": 0}

    dropped = ("expressions of SMPL-X",)
    return _joined(source, options, "ExAvatar (SMPL-X)", one, "-y", dropped)


def _read_folder(source: Source, options: MotionOptions) -> Reading:
    def one(value: Any, where: str) -> dict[str, Any]:
        if not _is_parameters(value):
            raise UserError(
                f"{where}: expected global_orient, body_pose ..., as in the first frame"
            )
        known = ("global_orient", "body_pose", "transl", "jaw_pose", "leye_pose", "reye_pose",
                 "left_hand_pose", "right_hand_pose")  # fmt: skip
        named = {k: _row(value[k], f"{where}: key '{k}'") for k in known if k in value}
        return {**named, "betas": 0} if "betas" in value else named

    return _joined(source, options, "SMPL-X, a file a frame", one, "-y", ())


def _row(value: Any, what: str) -> np.ndarray:
    return numbers(value, what).reshape(1, -1)


def _joined(
    source: Source, options: MotionOptions, layout: str, one: Any, up: Any, dropped: tuple[str, ...]
) -> Reading:
    """The frames of each person, read by the keys of the package smplx."""
    people: dict[str, list[tuple[int, Motion]]] = {}
    reading = None
    for frame, person, value in numbered_contents(source):
        where = f"{source.path}: frame {frame}" if source.kind == "folder" else str(source.path)
        reading = read_parameters(one(value, where), where, options)
        people.setdefault(person, []).append((frame, reading.motion))
    assert reading is not None
    motion, clips, notes = _sequences(people, source)
    if motion is not None and len(motion) == 1 and source.kind != "folder":
        notes = (*notes, "one frame; give the folder for all of them")
    return replace(
        reading, layout=layout, motion=motion, smplx_rest="SMPL-X" in layout, clips=clips, up=up,
        grounded=False,
        notes=(*reading.notes, *notes), dropped=(*reading.dropped, *dropped),
    )  # fmt: skip


def _sequences(
    people: Mapping[str, list[tuple[int, Motion]]], source: Source
) -> tuple[Motion, dict[str, slice] | None, tuple[str, ...]]:
    found, filled = {}, 0
    for person, frames in people.items():
        what = f"{source.path}: person {person}" if person else str(source.path)
        motion = concatenate([motion for _, motion in frames])
        found[person], gaps = without_gaps(motion, np.array([frame for frame, _ in frames]), what)
        filled += gaps
    motion, clips = joined_people(found, source.path)
    notes = (f"{filled} frames are missing, put between their neighbours",) if filled else ()
    return motion, clips, notes


def _read_easymocap(source: Source, options: MotionOptions) -> Reading:
    """Vertices are ``R X + T`` about the origin, so the pelvis turns about it, too."""
    fps, rate = (options.rate, "stated") if options.rate else (30.0, "guessed")
    people: dict[str, list[tuple[int, Motion]]] = {}
    dropped: set[str] = set()
    for frame, _, value in numbered_contents(source):
        where = f"{source.path}: frame {frame}" if source.kind == "folder" else str(source.path)
        if not _is_easymocap(value):
            raise UserError(f"{where}: expected a list of Rh, Th, poses, as in the first frame")
        for person in value.get("annots", value) if isinstance(value, Mapping) else value:
            motion, lost = _easymocap_pose(person, where, fps)
            dropped |= {lost} if lost else set()
            people.setdefault(str(person.get("id", 0)), []).append((frame, motion))
    motion, clips, notes = _sequences(people, source)
    if len(motion) == 1 and source.kind != "folder":
        notes = (*notes, "one frame; give the folder for all of them")
    return Reading(
        "EasyMocap", motion, up="z", unit="m", grounded=False, rate=rate,  # type: ignore[arg-type]
        notes=notes, dropped=tuple(sorted(dropped)), clips=clips,
    )  # fmt: skip


def _easymocap_pose(person: Mapping[str, Any], where: str, fps: float) -> tuple[Motion, str]:
    poses = key(person, "poses", where).reshape(1, -1)
    if poses.shape[1] not in _EASYMOCAP:
        widths = ", ".join(map(str, _EASYMOCAP))
        raise UserError(f"{where}: key 'poses' has {poses.shape[1]} values, expected {widths}")
    turn, move = (
        shaped(key(person, name, where).reshape(1, -1), (1, 3), f"{where}: key '{name}'")
        for name in ("Rh", "Th")
    )
    width = poses.shape[1]
    rest = torch.tensor(smpl.SMPL_PELVIS if width in (72, 156) else smpl.SMPLX_PELVIS).double()
    pelvis = roma.rotvec_to_rotmat(torch.from_numpy(turn)) @ rest + torch.from_numpy(move)
    rows = poses if width in smpl.ROWS else np.pad(poses[:, :66], ((0, 0), (0, 6)))
    rows = np.concatenate([turn, rows[:, 3:]], axis=1)
    motion = smpl.from_rows(fps, rows, pelvis.numpy())
    if width == 87:
        face = torch.from_numpy(poses[:, 78:]).float()
        motion = replace(
            motion, jaw_pose=face[:, :3], leye_pose=face[:, 3:6], reye_pose=face[:, 6:]
        )
    return motion, _EASYMOCAP[width]


EXAVATAR = Format(
    "ExAvatar json, a file a frame", lambda source: _is_exavatar(_first(source)), _read_exavatar
)
EASYMOCAP = Format(
    "EasyMocap json, a file a frame", lambda source: _is_easymocap(_first(source)), _read_easymocap
)
FOLDER = Format(
    "SMPLer-X npz, a file a frame",
    lambda source: source.kind == "folder" and _is_parameters(_first(source)),
    _read_folder,
)
