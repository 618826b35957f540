"""Which way is up in a motion file, and turning it to y."""

from __future__ import annotations

import math
from dataclasses import replace

import roma
import torch

from avatar_kit.io.motion.options import Axis
from avatar_kit.scene import Motion

#: Rotation vectors that bring an axis to y: z-up files (AMASS), camera axes (y down), the others.
_TURNS: dict[Axis, tuple[float, float, float]] = {
    "y": (0.0, 0.0, 0.0),
    "z": (-math.pi / 2, 0.0, 0.0),
    "-y": (math.pi, 0.0, 0.0),
    "-z": (math.pi / 2, 0.0, 0.0),
    "x": (0.0, 0.0, math.pi / 2),
    "-x": (0.0, 0.0, -math.pi / 2),
}
#: Axes that are found out: whoever has another says so.
_AXES: dict[Axis, tuple[float, float, float]] = {
    "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0), "-y": (0.0, -1.0, 0.0),
}  # fmt: skip

#: Metres that the pelvis is over the floor of somebody who lies, and of somebody who stands.
_LYING, _STANDING = (0.02, 0.5), (0.5, 1.3)

#: Mean agreement with an axis from which people are taken to stand along it.
_CLEAR = 0.5


def find_up(motion: Motion, default: Axis, *, sure: bool = False) -> Axis:
    """The axis people stand along on average; ``default`` if none is clear (e.g. a roll).

    Who lies on the floor through a whole motion stands along another axis, too: then the pelvis is
    as high over the origin as it is of somebody lying in the usual axes, and not as high as it is
    of somebody standing in the others.

    Args:
        motion: In the axes of its file.
        default: What the format usually has.
        sure: Whether the file itself says so: then the height of who lies is enough.
    """
    upward = roma.rotvec_to_rotmat(motion.global_orient.double())[:, :, 1].mean(0)
    agreement = {name: float(upward @ upward.new_tensor(axis)) for name, axis in _AXES.items()}
    best: Axis = max(agreement, key=lambda name: agreement[name])
    if agreement[best] < _CLEAR or best == default:
        return default
    low, high = (motion.transl @ motion.transl.new_tensor(_AXES[axis]) for axis in (default, best))
    across = abs(agreement[default]) < _CLEAR  # who lies, and is not upside down
    lies = across and bool(((low > _LYING[0]) & (low < _LYING[1])).float().mean() > 0.9)
    stands = _STANDING[0] < float(high.median()) < _STANDING[1]
    return default if lies and (sure or not stands) else best


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
