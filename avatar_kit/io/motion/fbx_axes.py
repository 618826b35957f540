"""Axes and unit of an FBX file, by its GlobalSettings."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from avatar_kit.errors import UserError
from avatar_kit.io.fbx import FbxScene
from avatar_kit.io.motion.animated import Animated
from avatar_kit.io.motion.axes import to_y_up
from avatar_kit.io.motion.options import METRES, Axis

#: Axis of a scene -> its number and sign where the file says nothing: y up, z to the front.
_USUAL = {"Coord": (0, 1), "Up": (1, 1), "Front": (2, 1)}

_AXES: dict[tuple[int, int], Axis] = {
    (0, 1): "x", (1, 1): "y", (2, 1): "z", (0, -1): "-x", (1, -1): "-y", (2, -1): "-z",
}  # fmt: skip


def axes_of(scene: FbxScene) -> tuple[Axis, Tensor]:
    """The axis that points up, and what brings the front of a file to that of others.

    Returns:
        The axis; [3, 3] about it, so that who faces the front faces +z after ``turn_up``. It
        mirrors left-handed files.

    Raises:
        UserError: The axes are not three different ones.
    """
    said = {
        name: tuple(
            scene.whole(scene.settings, f"{name}Axis{part}", usual[i])
            for i, part in enumerate(("", "Sign"))
        )
        for name, usual in _USUAL.items()
    }
    rows = torch.zeros(3, 3, dtype=torch.float64)
    if {axis for axis, _ in said.values()} != {0, 1, 2} or any(
        sign not in (1, -1) for _, sign in said.values()
    ):
        text = ", ".join(f"{name}Axis {sign:+d} x {axis}" for name, (axis, sign) in said.items())
        raise UserError(
            f"{scene.path}: GlobalSettings: {text}; expected the axes 0, 1 and 2 with signs 1 or "
            "-1; export the file again"
        )
    for row, (axis, sign) in enumerate(said.values()):
        rows[row, axis] = sign
    up = _AXES[said["Up"][0], said["Up"][1]]
    return up, to_y_up(up).mT @ rows


def metres_of(scene: FbxScene) -> float | None:
    """Metres in the unit of a file; None if it states none.

    Raises:
        UserError: UnitScaleFactor is no finite number.
    """
    factor = float(scene.vector(scene.settings, "UnitScaleFactor", (0.0,))[0])
    return factor * METRES["cm"] if factor > 0 else None


def in_axes(skeleton: Animated, turn: Tensor, metres: float | None) -> Animated:
    """A skeleton in turned axes, with the unit of its file.

    Args:
        skeleton: In the axes of its file.
        turn: [3, 3] orthogonal.
        metres: Metres in the unit.
    """
    return replace(
        skeleton,
        rotations=turn @ skeleton.rotations @ turn.mT,
        positions=skeleton.positions @ turn.mT,
        rest_rotations=turn @ skeleton.rest_rotations @ turn.mT,
        rest_positions=skeleton.rest_positions @ turn.mT,
        metres=metres,
    )
