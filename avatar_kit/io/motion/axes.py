"""Which way is up in a motion file, and turning it to y."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import roma
import torch
from torch import Tensor

from avatar_kit.scene import Motion

Up = Literal["auto", "y", "-y", "z"]

#: Quarter turns about x that bring an axis to y: z-up files (AMASS), camera axes (y down).
_TURNS = {"y": 0.0, "z": -math.pi / 2, "-y": math.pi}
_AXES = {"y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0), "-y": (0.0, -1.0, 0.0)}

#: Mean agreement with an axis from which people are taken to stand along it.
_CLEAR = 0.5


def find_up(global_orient: Tensor, default: Literal["y", "-y", "z"]) -> Literal["y", "-y", "z"]:
    """The axis people stand along on average; ``default`` if none is clear (e.g. a roll).

    Args:
        global_orient: [T, 3] axis-angle of the pelvis.
        default: What the format usually has.
    """
    upward = roma.rotvec_to_rotmat(global_orient.double())[:, :, 1].mean(0)
    agreement = {name: float(upward @ upward.new_tensor(axis)) for name, axis in _AXES.items()}
    best = max(agreement, key=lambda name: agreement[name])
    return best if agreement[best] >= _CLEAR else default  # type: ignore[return-value]


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
