"""Parameters of a part of the body: MANO's hands, FLAME's jaw and eyes, on somebody who stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from avatar_kit.errors import UserError
from avatar_kit.io.motion import smpl
from avatar_kit.io.motion.options import MotionOptions
from avatar_kit.io.motion.reading import Format, Reading
from avatar_kit.io.motion.source import Source
from avatar_kit.io.motion.standing import standing
from avatar_kit.io.motion.values import axis_angles, frame_rate, key, numbers, same_length

#: Names of a hand's values in files of both hands.
_SIDES = {
    "left": ("left", "lhand", "left_hand", "left_hand_pose"),
    "right": ("right", "rhand", "right_hand", "right_hand_pose"),
}

#: Names of the fingers' values of one hand: 15 joints, or 16 with the wrist before them.
_FINGERS = ("hand_pose", "fullpose", "pose", "poses")

_JOINTS = 15

#: Principal components of MANO's poses, which need its model.
_COMPONENTS = (6, 10, 12, 24, 30)


def _hands_of(data: Any) -> dict[str, Any]:
    """Side -> what a file says of that hand; empty where it is no file of MANO."""
    if not isinstance(data, Mapping) or "body_pose" in data:
        return {}
    found = {side: data[name] for side, names in _SIDES.items() for name in names if name in data}
    if not found and "is_right" in data and any(name in data for name in _FINGERS):
        return {"one": data}
    return found


def _read_mano(source: Source, options: MotionOptions) -> Reading:
    """Fingers of one hand or both; where a hand is in space has no place on a body."""
    data, path = source.data, source.path
    poses: dict[str, np.ndarray] = {}
    relaxed = False
    for side, values in _hands_of(data).items():
        what = f"{path}: {side} hand"
        fingers, matrices = _fingers(values, what)
        if side == "one":
            side = _side(data, str(path))
            if side == "left":  # HaMeR and its like give a left hand as a right one in a mirror
                fingers = fingers.reshape(-1, _JOINTS, 3) * (1, -1, -1)
        poses[side] = fingers.reshape(-1, 3 * _JOINTS)
        relaxed |= not matrices
    frames = same_length({f"{side} hand": pose for side, pose in poses.items()}, path)
    fps, rate = frame_rate(data, path, options)
    motion = standing(
        fps, frames, {f"{side}_hand_pose": torch.from_numpy(p).float() for side, p in poses.items()}
    )
    flat = bool(np.asarray(data.get("flat_hand_mean", False)).any())
    reading = Reading(
        "MANO", motion, sure_up=True, unit="m", placed=False, rate=rate,  # type: ignore[arg-type]
        hands=f"fingers of {' and '.join(sorted(poses))}",
        dropped=("places and turns of the wrists", "shape"),
    )  # fmt: skip
    return smpl.with_mean_hand(reading, tuple(poses)) if relaxed and not flat else reading


def _fingers(values: Any, what: str) -> tuple[np.ndarray, bool]:
    """[T, 45] axis-angle, and whether they were given as matrices, which count from a flat hand."""
    if isinstance(values, Mapping):
        name = next((name for name in _FINGERS if name in values), None)
        if name is None:
            listed = ", ".join(map(str, values)) or "none"
            raise UserError(f"{what}: expected one of {', '.join(_FINGERS)}; there are {listed}")
        values, what = values[name], f"{what}: key '{name}'"
    array = numbers(values, what)
    matrices = array.ndim >= 3 and array.shape[-2:] == (3, 3)
    width = array[0].size if array.ndim and len(array) else 0
    if width in _COMPONENTS:
        raise UserError(
            f"{what} has {width} principal components, which need the model of MANO; save all 45 "
            "values (its output full_pose, or use_pca=False)"
        )
    joints = _JOINTS + 1 if width in (48, 144) else _JOINTS
    found = axis_angles(array, joints, what, len(array) if array.ndim else 0)
    return found[:, -3 * _JOINTS :], matrices


def _side(data: Mapping[Any, Any], path: str) -> str:
    right = numbers(np.asarray(data["is_right"], float), f"{path}: key 'is_right'")
    if right.size and (right == right.flat[0]).all():
        return "right" if right.flat[0] > 0.5 else "left"
    raise UserError(
        f"{path}: key 'is_right' names both hands; write a file of each hand, or the keys left and "
        "right"
    )


#: Keys of files of FLAME that no file of a body has.
_FLAME = ({"jaw_pose"}, {"pose", "exp"}, {"pose", "expression"}, {"pose", "expr"})


def _matches_flame(source: Source) -> bool:
    bodies = {"body_pose", "poses", "trans", "smpl_poses", "root_pose"}
    return not bodies & source.keys and any(keys <= source.keys for keys in _FLAME)


def _read_flame(source: Source, options: MotionOptions) -> Reading:
    """Jaw and eyes are joints of ours; expressions have no exact counterpart in ARKit's."""
    data, path = source.data, source.path
    fields: dict[str, torch.Tensor] = {}
    if "jaw_pose" in data:
        jaw = axis_angles(key(data, "jaw_pose", path), 1, f"{path}: key 'jaw_pose'")
    else:
        pose = axis_angles(key(data, "pose", path), 2, f"{path}: key 'pose'")
        jaw = pose[:, 3:]
    fields["jaw_pose"] = torch.from_numpy(jaw).float()
    eyes = next((name for name in ("eyes_pose", "eye_pose") if name in data), None)
    if eyes is not None:
        turned = torch.from_numpy(axis_angles(key(data, eyes, path), 2, f"{path}: key '{eyes}'"))
        fields |= {"leye_pose": turned[:, :3].float(), "reye_pose": turned[:, 3:].float()}
    for name in ("leye_pose", "reye_pose"):
        if name in data:
            value = axis_angles(key(data, name, path), 1, f"{path}: key '{name}'")
            fields[name] = torch.from_numpy(value).float()
    frames = same_length({name: value.numpy() for name, value in fields.items()}, path)
    fps, rate = frame_rate(data, path, options)
    known = {"exp", "expr", "expression", "expression_params"} & source.keys
    lost = ["expressions of FLAME (they have no exact counterpart in ARKit)"] if known else []
    lost += ["the turn of the head and the neck"]
    return Reading(
        "FLAME", standing(fps, frames, fields), sure_up=True, unit="m", placed=False,
        rate=rate,  # type: ignore[arg-type]
        face="jaw and eyes" if len(fields) > 1 else "jaw", dropped=tuple(lost),
    )  # fmt: skip


MANO = Format("MANO hands npz", lambda source: bool(_hands_of(source.data)), _read_mano)
FLAME = Format("FLAME face npz", _matches_flame, _read_flame)
