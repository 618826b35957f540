"""Motions in the parameters of SMPL, SMPL-H and SMPL-X.

Where the root is: our ``Motion.transl`` is the pelvis joint. In files made by fitting such a body
``transl`` (AMASS: ``trans``) moves the model's origin instead, and the pelvis is at ``transl`` plus
its place in the rest pose, because the root turns about the pelvis. That place depends a little on
the shape; the mean body's is used, a constant few centimetres off at most. Files of retargeted
clips, which have no ``betas``, give the pelvis itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import roma
import torch
from torch import Tensor

from avatar_kit.errors import UserError
from avatar_kit.io.atomic import atomic_path
from avatar_kit.scene import Motion

#: Pelvis of the neutral mean body in the rest pose, metres.
SMPL_PELVIS = (-0.0018, -0.2233, 0.0282)
SMPLX_PELVIS = (0.0031, -0.3514, 0.0120)

#: Width of AMASS ``poses`` -> where each field lies in it.
_AMASS = {
    72: {"global_orient": (0, 3), "body_pose": (3, 66)},
    156: {
        "global_orient": (0, 3),
        "body_pose": (3, 66),
        "left_hand_pose": (66, 111),
        "right_hand_pose": (111, 156),
    },
    165: {
        "global_orient": (0, 3),
        "body_pose": (3, 66),
        "jaw_pose": (66, 69),
        "leye_pose": (69, 72),
        "reye_pose": (72, 75),
        "left_hand_pose": (75, 120),
        "right_hand_pose": (120, 165),
    },
}

#: TalkSHOW's 265 columns; the last 100 are SMPL-X expression coefficients, which we cannot show.
_TALKSHOW = {
    "jaw_pose": (0, 3),
    "leye_pose": (3, 6),
    "reye_pose": (6, 9),
    "global_orient": (9, 12),
    "body_pose": (12, 75),
    "left_hand_pose": (75, 120),
    "right_hand_pose": (120, 165),
}

_OPTIONAL = {
    "jaw_pose": 3,
    "leye_pose": 3,
    "reye_pose": 3,
    "left_hand_pose": 45,
    "right_hand_pose": 45,
}


def from_amass(data: Mapping[str, np.ndarray], path: Path) -> Motion:
    """AMASS: ``poses`` (T, 72 SMPL | 156 SMPL-H | 165 SMPL-X), ``trans``, ``mocap_framerate``.

    Raises:
        UserError: A key has another shape.
    """
    poses, trans = data["poses"], data["trans"]
    if poses.ndim != 2 or poses.shape[1] not in _AMASS:
        raise UserError(
            f"{path}: key 'poses' has shape {poses.shape}, expected (T, 72), (T, 156) or (T, 165)"
        )
    _check(data, "trans", (len(poses), 3), path)
    fields = {name: _tensor(poses[:, a:b]) for name, (a, b) in _AMASS[poses.shape[1]].items()}
    pelvis = SMPLX_PELVIS if poses.shape[1] == 165 else SMPL_PELVIS
    transl = _tensor(trans) + torch.tensor(pelvis)
    return Motion.rest(len(poses), frame_rate(data, path), transl=transl, **fields)


def from_smpl(data: Mapping[str, np.ndarray], path: Path) -> Motion:
    """SMPL or SMPL-X npz: ``global_orient``, ``body_pose`` (63 or 69), ``transl``, and the rest.

    Optional: jaw, eyes and hands (45 each) as in SMPL-X, ``fps``, ``betas``. Of SMPL's 69 body
    values the last six (its hand joints) have no counterpart. Expression coefficients are those
    of SMPL-X's own basis and are left out.

    Raises:
        UserError: A key has another shape.
    """
    frames = len(np.atleast_1d(data["global_orient"]))
    _check(data, "global_orient", (frames, 3), path)
    _check(data, "transl", (frames, 3), path)
    body = data["body_pose"]
    if body.shape not in ((frames, 63), (frames, 69)):
        raise UserError(
            f"{path}: key 'body_pose' has shape {body.shape}, expected ({frames}, 63) or "
            f"({frames}, 69) axis-angle values"
        )
    fields = {"global_orient": _tensor(data["global_orient"]), "body_pose": _tensor(body[:, :63])}
    for name, width in _OPTIONAL.items():
        if name in data:
            _check(data, name, (frames, width), path)
            fields[name] = _tensor(data[name])
    transl = _tensor(data["transl"])
    if "betas" in data:
        is_x = any(name in data for name in _OPTIONAL)
        transl = transl + torch.tensor(SMPLX_PELVIS if is_x else SMPL_PELVIS)
    return Motion.rest(frames, frame_rate(data, path), transl=transl, **fields)


def from_talkshow(array: np.ndarray, path: Path) -> Motion:
    """TalkSHOW's (T, 265) at 30 fps: jaw, eyes, orientation, body, hands, expression.

    It says nothing about where the person is: the pelvis stays at the origin. The expression
    coefficients are those of SMPL-X's own basis and are left out.

    Raises:
        UserError: Another shape.
    """
    if array.ndim != 2 or array.shape[1] != 265:
        raise UserError(f"{path}: array of shape {array.shape}, expected (T, 265)")
    fields = {name: _tensor(array[:, a:b]) for name, (a, b) in _TALKSHOW.items()}
    return Motion.rest(len(array), 30.0, **fields)


def save_amass(path: str | Path, motion: Motion) -> None:
    """Write a motion in the layout of AMASS for SMPL-X, whole or not at all.

    ``poses`` (T, 165) axis-angle of the 55 joints, ``trans`` (T, 3) metres, z up, both float64;
    ``betas`` are zeros, the mean body, and ``gender`` is neutral. Expressions have no place in it.

    Args:
        path: Ends in .npz.
        motion: The motion, y up, on any device.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise UserError(f"{path}: an AMASS file ends in .npz")
    motion = motion.detach().to("cpu")
    turn = torch.tensor([math.pi / 2, 0.0, 0.0], dtype=torch.float64)
    orient = motion.global_orient.double()
    orient = roma.rotvec_composition([turn.expand_as(orient), orient])
    pelvis = motion.transl.double() @ roma.rotvec_to_rotmat(turn).mT
    joints = motion.rotvec()[:, 1:].flatten(1).double()
    arrays = {
        "poses": torch.cat([orient, joints], 1).numpy(),
        "trans": (pelvis - torch.tensor(SMPLX_PELVIS).double()).numpy(),
        "betas": np.zeros(16),
        "gender": np.array("neutral"),
        "mocap_framerate": np.float64(motion.fps),
        "mocap_frame_rate": np.float64(motion.fps),
        "surface_model_type": np.array("smplx"),
    }
    with atomic_path(path) as partial:
        np.savez(partial, **arrays)


def frame_rate(data: Mapping[str, np.ndarray], path: Path) -> float:
    """Frames per second by any of the keys in use; 30 where the file does not say.

    Raises:
        UserError: The value is no positive number.
    """
    for key in ("fps", "mocap_framerate", "mocap_frame_rate"):
        if key in data:
            try:
                value = float(np.asarray(data[key]).reshape(()))
            except ValueError:
                value = float("nan")
            if not 0 < value < float("inf"):
                raise UserError(f"{path}: key '{key}' is {data[key]}, expected frames per second")
            return value
    return 30.0


def _check(data: Mapping[str, np.ndarray], key: str, shape: tuple[int, ...], path: Path) -> None:
    if data[key].shape != shape:
        raise UserError(f"{path}: key '{key}' has shape {data[key].shape}, expected {shape}")


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(array, dtype=np.float32))
