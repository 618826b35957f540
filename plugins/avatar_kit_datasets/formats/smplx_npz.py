"""``smpl_params.npz``: SMPL-X parameters as AvatarReX, THuman4.0 and ActorsHQ come with."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from avatar_kit_datasets.files import npz
from avatar_kit_datasets.recording import Poses, checked_angles

_WIDTHS = {
    "global_orient": 3,
    "body_pose": 63,
    "jaw_pose": 3,
    "left_hand_pose": 45,
    "right_hand_pose": 45,
}


def read_smplx(path: Path) -> tuple[Poses, tuple[str, ...]]:
    """Poses of all frames, and what of the file is left out."""
    values = npz(path)
    frames = len(values.array("transl", (None, 3)))
    fields = {}
    for key, width in _WIDTHS.items():
        if key in values or key in ("global_orient", "body_pose"):
            own = values.array(key, (frames, width))
            fields[key] = checked_angles(own, width, f"{path}: key '{key}'")
    notes: tuple[str, ...] = ()
    if "expression" in values and np.any(values.values["expression"]):
        notes = ("expression coefficients of SMPL-X are ignored",)
    betas = values.first_row("betas")
    return Poses("smplx", betas, values.array("transl", (frames, 3)), fields), notes
