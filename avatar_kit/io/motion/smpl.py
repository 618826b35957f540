"""Motions in the parameters of SMPL, SMPL-H and SMPL-X.

Where the root is: our ``Motion.transl`` is the pelvis joint. In files made by fitting such a body
``transl`` (AMASS: ``trans``) moves the model's origin instead, and the pelvis is at ``transl`` plus
its place in the rest pose, because the root turns about the pelvis. That place depends a little on
the shape; the mean body's is used, a constant few centimetres off at most. Files of retargeted
clips, which have no ``betas``, give the pelvis itself.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import roma
import torch
from torch import Tensor

from avatar_kit.errors import UserError
from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.motion.bvh import RATES
from avatar_kit.scene import Motion

logger = logging.getLogger(__name__)

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

#: Keys that files give their frame rate under.
_RATE_KEYS = (
    "fps",
    "mocap_framerate",
    "mocap_frame_rate",
    "framerate",
    "frame_rate",
    "frameRate",
)

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
    if poses.ndim == 3 and poses.shape[2] == 3:
        poses = poses.reshape(len(poses), -1)
    if poses.ndim != 2 or poses.shape[1] not in _AMASS:
        raise UserError(
            f"{path}: key 'poses' has shape {poses.shape}, expected (T, 72), (T, 156) or (T, 165)"
        )
    _check_numbers(data, ("poses", "trans"), path)
    _check(data, "trans", (len(poses), 3), path)
    fields = {name: _tensor(poses[:, a:b]) for name, (a, b) in _AMASS[poses.shape[1]].items()}
    pelvis = SMPLX_PELVIS if poses.shape[1] == 165 else SMPL_PELVIS
    transl = _tensor(trans) + torch.tensor(pelvis)
    return Motion.rest(len(poses), frame_rate(data, path), transl=transl, **fields)


def renamed_aist(data: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """AIST++ as AMASS: ``smpl_poses``, ``smpl_trans`` in units of ``smpl_scaling``, 60 fps."""
    scale = float(np.asarray(data["smpl_scaling"]).reshape(-1)[0]) if "smpl_scaling" in data else 1
    rate = {} if any(key in data for key in _RATE_KEYS) else {"fps": np.array(60.0)}
    trans = np.asarray(data["smpl_trans"], dtype=np.float64) / scale
    return {**data, "poses": data["smpl_poses"], "trans": trans, **rate}


def joined_amass(data: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """AMASS whose poses stand in parts, as ``root_orient``, ``pose_body``, ``pose_hand`` ..."""
    frames = len(data["root_orient"])
    widths = {"root_orient": 3, "pose_body": 63, "pose_jaw": 3, "pose_eye": 6, "pose_hand": 90}
    parts = [data[k] if k in data else np.zeros((frames, w)) for k, w in widths.items()]
    return {**data, "poses": np.concatenate([p.reshape(frames, -1) for p in parts], axis=1)}


def from_smpl(data: Mapping[str, np.ndarray], path: Path) -> Motion:
    """SMPL or SMPL-X npz: ``global_orient``, ``body_pose`` (63 or 69), ``transl``, and the rest.

    Optional: jaw, eyes and hands (45 each) as in SMPL-X, ``fps``, ``betas``. Of SMPL's 69 body
    values the last six (its hand joints) have no counterpart. Expression coefficients are those
    of SMPL-X's own basis and are left out.

    Raises:
        UserError: A key has another shape.
    """
    frames = len(np.atleast_1d(data["global_orient"]))
    _check_numbers(data, ("global_orient", "body_pose", "transl"), path)
    _check(data, "global_orient", (frames, 3), path)
    if "transl" in data:
        _check(data, "transl", (frames, 3), path)
    else:
        logger.warning("%s: does not say where the person is (key 'transl'): stays in place", path)
    body = data["body_pose"]
    if body.ndim == 3 and body.shape[2] == 3:
        body = body.reshape(len(body), -1)
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
    transl = _tensor(data["transl"] if "transl" in data else np.zeros((frames, 3)))
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
    """Frames per second by any of the keys in use; 30, with a warning, where the file does not say.

    Raises:
        UserError: The value is no rate that a recording has.
    """
    for key in _RATE_KEYS:
        if key in data:
            try:
                value = float(np.asarray(data[key]).reshape(()))
            except (ValueError, TypeError):
                value = float("nan")
            if not RATES[0] <= value <= RATES[1]:
                hint = ""
                if value > 0 and RATES[0] <= 1 / value <= RATES[1]:
                    hint = f"; is this the time of a frame? then the rate is {1 / value:.6g}"
                raise UserError(
                    f"{path}: key '{key}' is {data[key]}, expected {RATES[0]:g} to {RATES[1]:g} "
                    f"frames per second{hint}"
                )
            return value
    logger.warning("%s: does not say its frame rate (key 'fps'): taken for 30 frames/s", path)
    return 30.0


def _check_numbers(data: Mapping[str, np.ndarray], keys: tuple[str, ...], path: Path) -> None:
    for key in keys:
        if key in data and data[key].dtype.kind not in "fiu":
            raise UserError(f"{path}: key '{key}' holds {data[key].dtype}, expected numbers")


def _check(data: Mapping[str, np.ndarray], key: str, shape: tuple[int, ...], path: Path) -> None:
    if data[key].shape != shape:
        raise UserError(f"{path}: key '{key}' has shape {data[key].shape}, expected {shape}")


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(array, dtype=np.float32))
