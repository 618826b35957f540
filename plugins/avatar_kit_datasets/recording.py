"""What a reader finds: cameras, poses and where the pictures lie, as the files have them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import roma
import torch
from torch import Tensor

from avatar_kit.capture import Pictures
from avatar_kit.errors import UserError
from avatar_kit.io.motion.smpl import SMPL_PELVIS, SMPLX_PELVIS, from_mean_hand
from avatar_kit.io.motion.smplx_rest import from_smplx_rest
from avatar_kit.scene import Motion

Family = Literal["smpl", "smplx"]

#: What is said where fingers turn from the mean hand.
MEAN_HAND = (
    "finger rotations start from our own relaxed hand, because SMPL-X's mean hand is not free"
)

#: Radians beyond which a rotation vector is none.
_LONGEST_TURN = 4 * math.pi


@dataclass(frozen=True)
class View:
    """A camera of a recording: OpenCV axes, world-to-camera.

    Attributes:
        K: [3, 3] intrinsics in pixels; or one for every frame.
        R: [3, 3] rotation; or one for every frame.
        t: [3] translation, metres; or one for every frame.
        width: Width of its pictures in pixels.
        height: Height in pixels.
        distortion: Coefficients as in OpenCV.
    """

    K: np.ndarray
    R: np.ndarray
    t: np.ndarray
    width: int
    height: int
    distortion: tuple[float, ...] = ()

    def scaled(self, x: float, y: float, width: int, height: int) -> View:
        """The camera of pictures of another size."""
        K = np.diag([x, y, 1.0]) @ self.K
        return View(K, self.R, self.t, width, height, self.distortion)


@dataclass(frozen=True)
class Poses:
    """Poses of SMPL or SMPL-X, in the world of the files.

    Attributes:
        family: Of which model shape and origin are.
        betas: [S] shape.
        transl: [T, 3] where the model's origin is moved, metres.
        fields: Fields of a motion, [T, width] each, without ``transl``.
        origin_turn: [T, 3, 3] the part of the orientation that turns the whole model about its
            origin, as EasyMocap has it; None: the pelvis alone turns.
        mean_hand: Whether fingers turn from SMPL-X's mean hand, not from a flat one.
    """

    family: Family
    betas: np.ndarray
    transl: np.ndarray
    fields: Mapping[str, np.ndarray]
    origin_turn: np.ndarray | None = None
    mean_hand: bool = False

    def motion(self, fps: float, pelvis: Tensor | None = None) -> Motion:
        """The motion, from our T-pose on, its pelvis where that of the person is.

        Args:
            fps: Frames per second.
            pelvis: [3] the pelvis at rest; None: that of the mean person.
        """
        mean = SMPLX_PELVIS if self.family == "smplx" else SMPL_PELVIS
        at = torch.tensor(mean).double() if pelvis is None else pelvis.double()
        fields = {name: torch.from_numpy(np.asarray(v, float)) for name, v in self.fields.items()}
        transl = torch.from_numpy(np.asarray(self.transl, float))
        if self.origin_turn is not None:
            at = torch.from_numpy(self.origin_turn) @ at
        transl = transl + at
        values = {name: value.float() for name, value in fields.items()}
        motion = Motion.rest(len(transl), fps, transl=transl.float(), **values)
        motion = from_mean_hand(motion) if self.mean_hand else motion
        return from_smplx_rest(motion) if self.family == "smplx" else motion


@dataclass(frozen=True)
class Recording:
    """A capture as its files have it, before axes and body are looked at.

    Attributes:
        root: The folder.
        name: Short name for tables.
        fps: Frames per second.
        views: Name -> camera, the main one first.
        poses: The poses, or a motion with y up or in the axes of the cameras.
        pictures: Where pictures and masks come from.
        splits: Split name -> frames; empty: the reader's file knows none.
        notes: What was guessed or left out, a line each.
        clips: Half-open ranges of frames that are contiguous in time; empty: one.
    """

    root: Path
    name: str
    fps: float
    views: Mapping[str, View]
    poses: Poses | Motion
    pictures: Pictures
    splits: Mapping[str, Sequence[int]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    clips: tuple[tuple[int, int], ...] = ()

    def __len__(self) -> int:
        return len(self.poses.transl)


def smpl_pose(pose: np.ndarray, what: str) -> dict[str, np.ndarray]:
    """Fields of a motion of SMPL's [T, 72] axis-angle values; its two hand joints are left out.

    Args:
        pose: The values.
        what: File and key, for errors.

    Raises:
        UserError: Another width, values that are not finite, or degrees.
    """
    pose = checked_angles(np.asarray(pose, float), 72, what)
    return {"global_orient": pose[:, :3], "body_pose": pose[:, 3:66]}


#: Where SMPL-X's 165 values lie.
_SMPLX = {
    "global_orient": (0, 3),
    "body_pose": (3, 66),
    "jaw_pose": (66, 69),
    "leye_pose": (69, 72),
    "reye_pose": (72, 75),
    "left_hand_pose": (75, 120),
    "right_hand_pose": (120, 165),
}


def smplx_pose(pose: np.ndarray, what: str) -> dict[str, np.ndarray]:
    """Fields of a motion of SMPL-X's [T, 165] or [T, 55, 3] axis-angle values.

    Raises:
        UserError: Another width (156 are SMPL-H's: without jaw and eyes), or degrees.
    """
    pose = np.asarray(pose, float)
    pose = checked_angles(pose.reshape(len(pose), math.prod(pose.shape[1:])), 165, what)
    return {name: pose[:, a:b] for name, (a, b) in _SMPLX.items()}


def checked_angles(values: np.ndarray, width: int, what: str) -> np.ndarray:
    """Rotation vectors [T, width] in radians.

    Raises:
        UserError: They are not.
    """
    values = np.asarray(values, float)
    if values.ndim != 2 or values.shape[1] != width:
        known = {72: "SMPL", 156: "SMPL-H", 165: "SMPL-X"}
        is_ = known.get(values.shape[-1] if values.ndim == 2 else 0)
        hint = f"; {values.shape[1]} are the values of {is_}" if is_ else ""
        raise UserError(f"{what} is {values.shape}, expected (frames, {width}){hint}")
    if not np.isfinite(values).all():
        frame = int(np.argwhere(~np.isfinite(values))[0, 0])
        raise UserError(f"{what}: frame {frame} is not finite (NaN or infinity)")
    if values.size:
        angles = np.linalg.norm(values.reshape(len(values), -1, 3), axis=-1)
        if angles.max() > _LONGEST_TURN:
            raise UserError(
                f"{what}: frame {int(angles.max(1).argmax())} turns a joint by "
                f"{angles.max():.4g} radians, more than two whole turns: are these degrees?"
            )
    return values


def named(text: str) -> str:
    """A camera's name with letters, digits, ``_``, ``-`` and ``.`` alone."""
    return "".join(c if c.isalnum() or c in "_-." else "_" for c in text).strip("_") or "camera"


def rotation(rotvec: np.ndarray) -> np.ndarray:
    """[..., 3, 3] of rotation vectors [..., 3] in radians."""
    return roma.rotvec_to_rotmat(torch.from_numpy(np.ascontiguousarray(rotvec, float))).numpy()


def rotation_vector(matrix: np.ndarray) -> np.ndarray:
    """[..., 3] of rotations [..., 3, 3]."""
    return roma.rotmat_to_rotvec(torch.from_numpy(np.ascontiguousarray(matrix, float))).numpy()
