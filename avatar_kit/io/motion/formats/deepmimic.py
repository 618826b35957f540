"""DeepMimic's text files: a humanoid that faces +x, quaternions with the real part first."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import roma
import torch
from torch import Tensor

from avatar_kit.errors import UserError
from avatar_kit.io.motion.options import MotionOptions
from avatar_kit.io.motion.reading import Format, Reading
from avatar_kit.io.motion.source import Source
from avatar_kit.io.motion.values import checked_rate, numbers
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import SMPLX_JOINTS

#: Our joint -> its first column; after the time of a frame, the root's place and its turn.
_BALLS = {
    "pelvis": 4, "spine2": 8, "neck": 12, "right_hip": 16, "right_ankle": 21, "right_shoulder": 25,
    "left_hip": 30, "left_ankle": 35, "left_shoulder": 39,
}  # fmt: skip
#: Joints that bend about the humanoid's side alone.
_HINGES = {"right_knee": 20, "right_elbow": 29, "left_knee": 34, "left_elbow": 43}
_COLUMNS = 44

#: The humanoid's axes as ours: it faces +x and its right is +z.
_AXES = torch.tensor([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], dtype=torch.float64)

#: Radians by which an arm of ours is turned to hang, as the humanoid's does at rest.
_HANG = {"left": -math.pi / 2, "right": math.pi / 2}

#: Lengths of a quaternion that are rounding.
_UNIT = (0.9, 1.1)


def _matches(source: Source) -> bool:
    return "Frames" in source.keys


def _read(source: Source, options: MotionOptions) -> Reading:
    """A humanoid of 15 joints; its frames last as long as their first column says."""
    path = source.path
    assert isinstance(source.data, Mapping)
    rows = numbers(source.data["Frames"], f"{path}: key 'Frames'")
    if rows.ndim != 2 or rows.shape[1] != _COLUMNS:
        raise UserError(f"{path}: key 'Frames' has shape {rows.shape}, expected (T, {_COLUMNS})")
    durations = rows[:, 0]
    usual = float(np.median(durations[:-1])) if len(rows) > 1 else 1 / 30
    if not usual > 0:
        raise UserError(f"{path}: the time of a frame is {usual:g} s, expected more than 0")
    fps = options.rate or checked_rate(round(1 / usual, 3), f"{path}: the rate by column 0")
    uneven = bool((np.abs(durations[:-1] - usual) > 0.1 * usual).any())
    turns = _turns(torch.from_numpy(rows), str(path))
    places = torch.from_numpy(rows[:, 1:4]) @ _AXES.T
    motion = Motion.rest(
        len(rows), fps, transl=places.float(), global_orient=turns[:, 0],
        body_pose=turns[:, 1:].flatten(1),
    )  # fmt: skip
    notes = ("frames last unequally long: taken as equal",) if uneven else ()
    return Reading("DeepMimic", motion, sure_up=True, unit="m", notes=notes)


def _turns(rows: Tensor, what: str) -> Tensor:
    """[T, 22, 3] axis-angle of our joints."""
    eye = torch.eye(3, dtype=torch.float64).expand(len(rows), 3, 3)
    found = {}
    for joint, column in _BALLS.items():
        quaternion = rows[:, [column + 1, column + 2, column + 3, column]]
        length = quaternion.norm(dim=1)
        finite = length.isfinite()
        if not bool(((length > _UNIT[0]) & (length < _UNIT[1]))[finite].all()):
            raise UserError(f"{what}: columns {column} to {column + 3} are no unit quaternions")
        matrix = roma.unitquat_to_rotmat(quaternion / length[:, None])
        found[joint] = _AXES @ matrix @ _AXES.T
    for joint, column in _HINGES.items():
        bend = torch.zeros(len(rows), 3, dtype=torch.float64)
        bend[:, 2] = rows[:, column]
        found[joint] = _AXES @ roma.rotvec_to_rotmat(bend) @ _AXES.T
    for side, angle in _HANG.items():  # arms are told from where they hang
        hang = roma.rotvec_to_rotmat(torch.tensor([0.0, 0.0, angle], dtype=torch.float64))
        found[f"{side}_shoulder"] = found[f"{side}_shoulder"] @ hang
        found[f"{side}_elbow"] = hang.T @ found[f"{side}_elbow"] @ hang
    stacked = torch.stack([found.get(name, eye) for name in SMPLX_JOINTS[:22]], 1)
    return roma.rotmat_to_rotvec(stacked).float()


FORMAT = Format("DeepMimic txt (Frames)", _matches, _read)
