"""One door for motion files of every layout."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.io.motion.arrays import checked, read_npy, read_npz
from avatar_kit.io.motion.axes import Up, find_up, turn_up
from avatar_kit.io.motion.bvh_retarget import load_bvh
from avatar_kit.io.motion.clips import clip_frames, clip_names
from avatar_kit.io.motion.native import from_native, is_native
from avatar_kit.io.motion.smpl import (
    from_amass,
    from_smpl,
    from_talkshow,
    joined_amass,
    renamed_aist,
)
from avatar_kit.scene import Motion

logger = logging.getLogger(__name__)

#: Unit -> the height of a pelvis from which it is taken for that, and how many metres it is.
_UNITS = {"centimetres": (20.0, 0.01), "millimetres": (200.0, 0.001)}

_LAYOUTS = (
    "ours (save_motion), AMASS npz (poses, trans), SMPL or SMPL-X npz (global_orient, body_pose, "
    "transl), TalkSHOW npy (T, 265) and BVH"
)


def load_motion(
    path: str | Path, fps: float | None = None, *, clip: str | int | None = None, up: Up = "auto"
) -> Motion:
    """Read a motion file of any layout we know.

    * our npz, written by :func:`save_motion`;
    * AMASS npz, SMPL and SMPL-X npz, TalkSHOW npy: see :mod:`avatar_kit.io.motion.smpl`, also for
      where the root is;
    * BVH: see :mod:`avatar_kit.io.motion.bvh_retarget`.

    Args:
        path: The file. ``FILE#CLIP`` chooses a clip, like ``clip``.
        fps: Resample to this rate; the file's own if None. Files that do not say are taken as 30.
        clip: Name or number of the clip in a file that holds several.
        up: Which axis of the file points up. "auto" takes the one people stand along on average
            over the whole file: y, z (AMASS), or -y (fits in camera axes, y down).

    Raises:
        UserError: The file is missing or damaged, its layout is unknown, a clip is not there, it
            holds no frames, or a value is not finite. Names the file and the key.
    """
    path, clip = _split_clip(Path(path), clip)
    motion, data = _whole(path, up)
    motion = checked(checked(motion, path)[clip_frames(data, clip, path)], path)
    return motion if fps is None else motion.resample(fps)


def load_clips(path: str | Path, *, up: Up = "auto") -> dict[str, Motion]:
    """Every clip of a motion file by its name, read at once; not checked for NaN or infinity.

    Args:
        path: The file.
        up: See :func:`load_motion`.

    Raises:
        UserError: The file is missing or damaged, or its layout is unknown.
    """
    path = Path(path)
    motion, data = _whole(path, up)
    names = clip_names(data, path)
    return {name: motion[clip_frames(data, i, path)] for i, name in enumerate(names)}


def list_clips(path: str | Path) -> list[str]:
    """Names of the clips in a motion file; its own name if it holds one motion.

    Raises:
        UserError: The file is missing or damaged.
    """
    path = Path(path)
    return clip_names(read_npz(path) if path.suffix.lower() == ".npz" else {}, path)


def _split_clip(path: Path, clip: str | int | None) -> tuple[Path, str | int | None]:
    name, mark, chosen = path.name.rpartition("#")
    if clip is None and mark and not path.exists():
        return path.with_name(name), chosen
    return path, clip


def _whole(path: Path, up: Up) -> tuple[Motion, Mapping[str, np.ndarray]]:
    """All frames of a file with y up, and the arrays of an npz."""
    suffix = path.suffix.lower()
    data = read_npz(path) if suffix == ".npz" else {}
    if suffix == ".npz" and is_native(data):
        return from_native(data, path), data
    if suffix not in (".npz", ".npy", ".bvh"):
        raise UserError(f"{path}: unknown kind of motion file '{suffix}'; known: {_LAYOUTS}")
    motion, default = _foreign(path, suffix, data)
    finite = motion[motion.is_finite().nonzero()[:, 0].tolist()]
    found = find_up(finite, default, sure=suffix == ".bvh") if up == "auto" else up
    turned = turn_up(motion, found)
    return (turned if suffix == ".bvh" else _in_metres(turned, path)), data


def _in_metres(motion: Motion, path: Path) -> Motion:
    """The motion with places in metres: nobody's pelvis is 20 m over the floor.

    (BVH files tell their unit by the length of the legs.)
    """
    height = float(motion.transl[motion.is_finite()][:, 1].median()) if len(motion) else 0.0
    if not height > _UNITS["centimetres"][0]:
        return motion
    unit = "millimetres" if height > _UNITS["millimetres"][0] else "centimetres"
    logger.warning("%s: the pelvis is %.0f units over the floor: taken for %s", path, height, unit)
    return replace(motion, transl=motion.transl * _UNITS[unit][1])


def _foreign(
    path: Path, suffix: str, data: Mapping[str, np.ndarray]
) -> tuple[Motion, Literal["y", "z"]]:
    """The motion in the file's own axes, and the axis that usually points up in that format."""
    if suffix == ".bvh":
        return load_bvh(path), "y"
    if suffix == ".npy":
        return from_talkshow(read_npy(path), path), "y"
    if {"poses", "trans"} <= data.keys():
        return from_amass(data, path), "z"
    if {"global_orient", "body_pose"} <= data.keys():
        return from_smpl(data, path), "y"
    if {"smpl_poses", "smpl_trans"} <= data.keys():
        return from_amass(renamed_aist(data), path), "y"
    if {"root_orient", "pose_body", "trans"} <= data.keys():
        return from_amass(joined_amass(data), path), "z"
    objects = getattr(data, "objects", [])
    if objects and not data:
        raise UserError(
            f"{path}: holds pickled Python objects alone ({', '.join(objects)}), which may run "
            "code and are never read; save its arrays by themselves with numpy.savez"
        )
    keys = ", ".join(sorted(data)) or "none"
    raise UserError(f"{path}: unknown layout of a motion file (keys: {keys}); known: {_LAYOUTS}")
