"""PyMAF-X: joblib of all people that were found in all frames, SMPL-X as rotations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.io.motion import smpl
from avatar_kit.io.motion.formats.smpl_parameters import read_parameters
from avatar_kit.io.motion.options import MotionOptions
from avatar_kit.io.motion.reading import Format, Reading
from avatar_kit.io.motion.source import Source
from avatar_kit.io.motion.tracks import without_gaps
from avatar_kit.io.motion.values import key, numbers

#: Matrices of SMPL's pelvis and body in ``body_pose``; what follows are SMPL's hands.
_BODY = 22

_PARTS = ("jaw_pose", "leye_pose", "reye_pose", "left_hand_pose", "right_hand_pose")


def _matches(source: Source) -> bool:
    return {"smplx_params", "frame_ids"} <= source.keys


def _read(source: Source, options: MotionOptions) -> Reading:
    """The first person of each frame: people have no tracks.

    The distance from the camera is that to a lens of 5000 pixels, which nobody has: it is left out.
    """
    data, path = source.data, source.path
    batches = data["smplx_params"]
    if not isinstance(batches, list) or not all(isinstance(b, Mapping) for b in batches):
        raise UserError(f"{path}: key 'smplx_params' is no list of parameters")
    rotations = _joined(batches, "body_pose", str(path))
    if rotations.ndim != 4 or rotations.shape[1] < _BODY or rotations.shape[2:] != (3, 3):
        raise UserError(
            f"{path}: key 'smplx_params/body_pose' has shape {rotations.shape}, expected "
            f"(N, {_BODY} or more, 3, 3)"
        )
    found = numbers(data["frame_ids"], f"{path}: key 'frame_ids'").ravel()
    if len(found) != len(rotations):
        raise UserError(f"{path}: {len(found)} frame_ids for {len(rotations)} poses")
    frames, first = np.unique(found, return_index=True)
    values = {"global_orient": rotations[:, :1], "body_pose": rotations[:, 1:_BODY]}
    values |= {n: _joined(batches, n, str(path)) for n in _PARTS if n in batches[0]}
    values = {name: value[first] for name, value in values.items()}
    notes: tuple[str, ...] = ()
    if "orig_cam_t" in data:
        places = key(data, "orig_cam_t", path).reshape(-1, 3)[first].copy()
        places[:, 2] = 0.0
        values["transl"] = places
        notes = ("the distance from the camera is left out: PyMAF-X has no real lens",)
    reading = read_parameters(values, path, options)
    motion, gaps = without_gaps(reading.motion, frames, f"{path}: key 'frame_ids'")
    if gaps:
        notes += (f"{gaps} frames without the person, put between their neighbours",)
    if len(found) > len(frames):
        notes += ("several people without tracks: the first of each frame is taken",)
    return replace(
        reading, layout="PyMAF-X (SMPL-X)", motion=motion, up="-y", unit="m", smplx_rest=True,
        pelvis=smpl.SMPLX_PELVIS, grounded=False, dropped=("expressions of SMPL-X",),
        notes=(*reading.notes, *notes),
    )  # fmt: skip


def _joined(batches: list[Mapping], name: str, path: str) -> np.ndarray:
    """The values of all batches, one after another."""
    try:
        rows = [numbers(batch[name], f"{path}: key 'smplx_params/{name}'") for batch in batches]
        return np.concatenate(rows)
    except KeyError:
        raise UserError(f"{path}: key 'smplx_params/{name}' is missing in a batch") from None
    except ValueError:
        raise UserError(f"{path}: key 'smplx_params/{name}' differs in shape by batch") from None


FORMAT = Format("PyMAF-X pkl", _matches, _read)
