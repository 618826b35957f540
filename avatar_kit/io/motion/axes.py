"""Which way is up in a motion file, and turning it to y."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import roma
import torch

from avatar_kit.scene import Motion

Up = Literal["auto", "y", "-y", "z"]

#: Quarter turns about x that bring an axis to y: z-up files (AMASS), camera axes (y down).
_TURNS = {"y": 0.0, "z": -math.pi / 2, "-y": math.pi}
_AXES = {"y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0), "-y": (0.0, -1.0, 0.0)}

#: Metres that the pelvis is over the floor of somebody who lies, and of somebody who stands.
_LYING, _STANDING = (0.02, 0.5), (0.5, 1.3)

#: Mean agreement with an axis from which people are taken to stand along it.
_CLEAR = 0.5


def find_up(
    motion: Motion, default: Literal["y", "-y", "z"], *, sure: bool = False
) -> Literal["y", "-y", "z"]:
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
    best = max(agreement, key=lambda name: agreement[name])
    if agreement[best] < _CLEAR or best == default:
        return default
    low, high = (motion.transl @ motion.transl.new_tensor(_AXES[axis]) for axis in (default, best))
    lies = bool(((low > _LYING[0]) & (low < _LYING[1])).float().mean() > 0.9)
    stands = _STANDING[0] < float(high.median()) < _STANDING[1]
    return default if lies and (sure or not stands) else best  # type: ignore[return-value]


def turn_up(motion: Motion, up: Literal["y", "-y", "z"]) -> Motion:
    """The motion in a world with y up, given which axis is up in its own.

    Both positions and orientations turn about x: z-up (x, y, z) becomes (x, z, -y), camera axes
    (x, y, z) become (x, -y, -z).
    """
    if up == "y":
        return motion
    turn = torch.tensor([_TURNS[up], 0.0, 0.0])
    orient = roma.rotvec_composition([turn.expand_as(motion.global_orient), motion.global_orient])
    transl = motion.transl @ roma.rotvec_to_rotmat(turn).mT
    return replace(motion, global_orient=orient, transl=transl)
