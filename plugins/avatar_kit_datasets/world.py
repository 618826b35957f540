"""From the world of the files to ours: y up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import roma
import torch

from avatar_kit.errors import UserError
from avatar_kit.scene import Motion
from avatar_kit_datasets.recording import View

#: Axis that points up -> the rotation that brings it to y, by columns of what x, y, z become.
_TURNS = {
    "y": np.eye(3),
    "-y": np.diag([1.0, -1.0, -1.0]),
    "z": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "-z": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
    "x": np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]),
    "-x": np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]),
}

#: How much of a pelvis' direction must point one way on average.
_CLEAR = 0.6


def up_axis(motion: Motion, where: str) -> str:
    """The axis that people stand along on average.

    Raises:
        UserError: None stands out: the person lies or turns about.
    """
    up = roma.rotvec_to_rotmat(motion.global_orient.double())[:, :, 1].mean(0).numpy()
    axis = int(np.abs(up).argmax())
    if abs(up[axis]) < _CLEAR:
        raise UserError(
            f"{where}: which axis points up is not clear (the person points along "
            f"{up[0]:.2f} {up[1]:.2f} {up[2]:.2f} on average); say up=y, -y, z, -z, x or -x"
        )
    return ("" if up[axis] > 0 else "-") + "xyz"[axis]


def upright(motion: Motion, views: Mapping[str, View], axis: str) -> tuple[Motion, dict[str, View]]:
    """Motion and cameras in a world whose y is up.

    Args:
        motion: In the world of the files.
        views: Cameras in the same world.
        axis: Which of its axes points up.
    """
    turn = _TURNS[axis]
    if axis == "y":
        return motion, dict(views)
    turned = {name: replace(view, R=view.R @ turn.T) for name, view in views.items()}
    rotation = torch.from_numpy(turn)
    orient = rotation @ roma.rotvec_to_rotmat(motion.global_orient.double())
    return (
        replace(
            motion,
            global_orient=roma.rotmat_to_rotvec(orient).float(),
            transl=(motion.transl.double() @ rotation.mT).float(),
        ),
        turned,
    )
