"""Arrays without names: a row of numbers for each frame, told by how many there are."""

from __future__ import annotations

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.io.motion import smpl
from avatar_kit.io.motion.options import MotionOptions
from avatar_kit.io.motion.reading import Format, Reading
from avatar_kit.io.motion.source import Source
from avatar_kit.io.motion.values import numbers, tensor
from avatar_kit.scene import Motion

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

#: Motion-X's 322 columns; the last are expression, shape of the face, and (at the end) betas.
_MOTION_X = {
    "global_orient": (0, 3),
    "body_pose": (3, 66),
    "left_hand_pose": (66, 111),
    "right_hand_pose": (111, 156),
    "jaw_pose": (156, 159),
    "transl": (309, 312),
}

#: Columns -> what they are.
WIDTHS = {265: "TalkSHOW", 322: "Motion-X", 263: "HumanML3D"}


def rows_of(source: Source, width: int) -> np.ndarray | None:
    """[T, width] if the file is an array of such rows; one of one clip may stand in front."""
    array = source.array
    if array is None or array.dtype.kind not in "fiu":
        return None
    if array.ndim == 3 and array.shape[0] == 1:
        array = array[0]
    return array if array.ndim == 2 and array.shape[1] == width else None


def _columns(array: np.ndarray, edges: dict[str, tuple[int, int]]) -> dict:
    return {name: tensor(array[:, a:b]) for name, (a, b) in edges.items()}


def _read_talkshow(source: Source, options: MotionOptions) -> Reading:
    array = numbers(rows_of(source, 265), str(source.path))
    motion = Motion.rest(len(array), options.rate or 30.0, **_columns(array, _TALKSHOW))
    reading = Reading(
        "TalkSHOW (SMPL-X)", motion, unit="m", placed=False, smplx_rest=True, rate="usual",
        hands="fingers", dropped=("expressions of SMPL-X",),
        notes=("does not say where the person is",),
    )  # fmt: skip
    return smpl.with_mean_hand(reading)


def _read_motion_x(source: Source, options: MotionOptions) -> Reading:
    array = numbers(rows_of(source, 322), str(source.path))
    motion = Motion.rest(len(array), options.rate or 30.0, **_columns(array, _MOTION_X))
    return Reading(
        "Motion-X (SMPL-X)", motion, pelvis=smpl.SMPLX_PELVIS, smplx_rest=True, rate="usual",
        hands="fingers", dropped=("expressions of SMPL-X",),
    )  # fmt: skip


def _read_unknown(source: Source, options: MotionOptions) -> Reading:
    assert source.array is not None
    known = ", ".join(f"(T, {width}) {name}" for width, name in WIDTHS.items())
    raise UserError(
        f"{source.path}: array of shape {source.array.shape}, expected (T, 265) or another that is "
        f"known: {known}, joints (T, 22, 3) or (T, 24, 3)"
    )


TALKSHOW = Format(
    "TalkSHOW npy (T, 265)", lambda source: rows_of(source, 265) is not None, _read_talkshow
)
MOTION_X = Format(
    "Motion-X npy (T, 322)", lambda source: rows_of(source, 322) is not None, _read_motion_x
)
#: What is left of arrays: refused with the shapes that are known.
UNKNOWN = Format("", lambda source: source.array is not None, _read_unknown)
