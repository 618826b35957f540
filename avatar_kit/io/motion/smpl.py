"""Motions in the parameters of SMPL, SMPL-H and SMPL-X.

Where the root is: our ``Motion.transl`` is the pelvis joint. In files made by fitting such a body
``transl`` (AMASS: ``trans``) moves the model's origin instead, and the pelvis is at ``transl`` plus
its place in the rest pose, because the root turns about the pelvis. That place depends a little on
the shape; the mean body's is used, a constant few centimetres off at most. Files of retargeted
clips, which have no ``betas``, give the pelvis itself.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import roma
import torch

from avatar_kit.errors import UserError
from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.motion.reading import Reading
from avatar_kit.io.motion.smplx_rest import to_smplx_rest
from avatar_kit.io.motion.values import tensor
from avatar_kit.scene import Motion

#: Pelvis of the neutral mean body in the rest pose, metres.
SMPL_PELVIS = (-0.0018, -0.2233, 0.0282)
SMPLX_PELVIS = (0.0031, -0.3514, 0.0120)

_BODY = {"global_orient": (0, 3), "body_pose": (3, 66)}

#: Width of a row of all joints -> where each field lies in it: SMPL, SMPL-H, SMPL-X.
ROWS = {
    72: _BODY,
    156: {**_BODY, "left_hand_pose": (66, 111), "right_hand_pose": (111, 156)},
    165: {
        **_BODY,
        "jaw_pose": (66, 69),
        "leye_pose": (69, 72),
        "reye_pose": (72, 75),
        "left_hand_pose": (75, 120),
        "right_hand_pose": (120, 165),
    },
}

#: How far fingers are bent in a relaxed hand, radians: joints 1, 2, 3 of index, middle, little and
#: ring finger. Round figures: the mean hand of MANO, which such files count from, is not free.
_RELAXED = ((0.1, 0.4, 0.25), (0.1, 0.5, 0.3), (0.5, 0.5, 0.4), (0.35, 0.5, 0.35))


def from_rows(fps: float, rows: np.ndarray, pelvis: np.ndarray) -> Motion:
    """A motion from all joints of a frame in one row.

    Args:
        fps: Frames per second.
        rows: [T, 72 | 156 | 165] axis-angle of SMPL, SMPL-H or SMPL-X.
        pelvis: [T, 3] where the root is.
    """
    fields = {name: tensor(rows[:, a:b]) for name, (a, b) in ROWS[rows.shape[1]].items()}
    return Motion.rest(len(rows), fps, transl=tensor(pelvis), **fields)


def with_mean_hand(reading: Reading, sides: tuple[str, ...] = ("left", "right")) -> Reading:
    """The hands of a file that counts them from the mean hand (``flat_hand_mean=False``)."""
    motion = from_mean_hand(reading.motion, sides)
    fingers = reading.hands if reading.hands.startswith("fingers of") else "fingers"
    return replace(reading, motion=motion, hands=f"{fingers}, from a relaxed hand on")


def from_mean_hand(motion: Motion, sides: tuple[str, ...] = ("left", "right")) -> Motion:
    """A motion whose fingers turn from the mean hand, as one whose fingers turn from a flat one.

    Flat hands would be bent backwards otherwise. Left fingers bend about -z, right ones about +z.
    """
    hand = torch.zeros(15, 3)
    hand[:12, 2] = -torch.tensor(_RELAXED).flatten()
    moved = {
        f"{side}_hand_pose": getattr(motion, f"{side}_hand_pose") + sign * hand.flatten()
        for side, sign in (("left", 1.0), ("right", -1.0))
        if side in sides
    }
    return replace(motion, **moved)


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
    motion = to_smplx_rest(motion.detach().to("cpu"))
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
