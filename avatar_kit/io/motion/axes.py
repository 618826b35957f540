"""Which way is up in a motion file, and turning it to y."""

from __future__ import annotations

import math
from dataclasses import replace

import roma
import torch
from torch import Tensor
from torch.nn import functional as F

from avatar_kit.io.motion.options import Axis
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import SMPLX_JOINTS
from avatar_kit.scene.skeleton import body_positions

#: Rotation vectors that bring an axis to y: z-up files (AMASS), camera axes (y down), the others.
_TURNS: dict[Axis, tuple[float, float, float]] = {
    "y": (0.0, 0.0, 0.0),
    "z": (-math.pi / 2, 0.0, 0.0),
    "-y": (math.pi, 0.0, 0.0),
    "-z": (math.pi / 2, 0.0, 0.0),
    "x": (0.0, 0.0, math.pi / 2),
    "-x": (0.0, 0.0, -math.pi / 2),
}
#: Axes that files have, and those that are found out only where the format leaves it open.
_USUAL: dict[Axis, tuple[float, float, float]] = {
    "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0), "-y": (0.0, -1.0, 0.0),
}  # fmt: skip
_RARE: dict[Axis, tuple[float, float, float]] = {
    "x": (1.0, 0.0, 0.0), "-x": (-1.0, 0.0, 0.0), "-z": (0.0, 0.0, -1.0),
}  # fmt: skip
_EVERY = {**_USUAL, **_RARE}

#: Metres that the pelvis is over the floor of somebody who lies, and of somebody who stands.
_LYING, _STANDING = (0.02, 0.5), (0.5, 1.3)

#: Metres that the lowest foot of somebody who stands is off the floor.
_ON_FLOOR = 0.3

#: Mean agreement with an axis from which people are taken to stand along it.
_CLEAR = 0.5


def find_up(motion: Motion, default: Axis, *, sure: bool = False) -> Axis:
    """The axis people stand along on average; ``default`` if none is clear (e.g. a roll).

    Who lies on the floor through a whole motion stands along another axis, too: then the pelvis is
    as high over the origin as it is of somebody lying in the usual axes, and neither is it as high
    as of somebody standing in the others, nor are the feet on a floor there.

    Args:
        motion: In the axes of its file.
        default: What the format usually has.
        sure: Whether the file itself says so: then the height of who lies is enough, and axes that
            hardly a file has are not thought of.
    """
    if not len(motion):
        return default
    upward = _upward(motion)
    axes = {**(_USUAL if sure else _EVERY), default: _EVERY[default]}
    agreement = {name: float(upward @ upward.new_tensor(axis)) for name, axis in axes.items()}
    best: Axis = max(agreement, key=lambda name: agreement[name])
    if agreement[best] < _CLEAR or best == default:
        return default
    across = abs(agreement[default]) < _CLEAR  # who lies, and is not upside down
    low = motion.transl @ motion.transl.new_tensor(axes[default])
    lies = across and bool(((low > _LYING[0]) & (low < _LYING[1])).float().mean() > 0.9)
    return default if lies and (sure or not _stands(motion, axes[best])) else best


def _upward(motion: Motion) -> Tensor:
    """[3] where pelvis and head point, as seen from the pelvis and the feet, on average."""
    places = body_positions(motion).double()
    index = SMPLX_JOINTS.index
    feet = places[:, [index("left_ankle"), index("right_ankle")]].mean(1)
    tall = F.normalize(places[:, index("head")] - feet, dim=1)
    pelvis = roma.rotvec_to_rotmat(motion.global_orient.double())[:, :, 1]
    return (pelvis + tall).mean(0) / 2


def _stands(motion: Motion, axis: tuple[float, float, float]) -> bool:
    """Whether pelvis and feet are as high along an axis as those of somebody who stands."""
    heights = body_positions(motion) @ motion.transl.new_tensor(axis)
    feet = heights[:, [SMPLX_JOINTS.index(f"{side}_ankle") for side in ("left", "right")]]
    on_floor = abs(float(feet.amin(1).median())) < _ON_FLOOR
    return _STANDING[0] < float(heights[:, 0].median()) < _STANDING[1] and on_floor


def turn_up(motion: Motion, up: Axis) -> Motion:
    """The motion in a world with y up, given which axis is up in its own.

    Both positions and orientations turn: z-up (x, y, z) becomes (x, z, -y), camera axes (x, y, z)
    become (x, -y, -z).
    """
    if up == "y":
        return motion
    turn = torch.tensor(_TURNS[up])
    orient = roma.rotvec_composition([turn.expand_as(motion.global_orient), motion.global_orient])
    transl = motion.transl @ roma.rotvec_to_rotmat(turn).mT
    return replace(motion, global_orient=orient, transl=transl)


def to_y_up(up: Axis) -> Tensor:
    """[3, 3] float64, the rotation of :func:`turn_up`."""
    return roma.rotvec_to_rotmat(torch.tensor(_TURNS[up], dtype=torch.float64))
