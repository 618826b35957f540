"""Places of joints: SMPL's (T, 22, 3), what text-to-motion models give, HumanML3D's features."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from avatar_kit.errors import UserError
from avatar_kit.io.motion.formats.rows import rows_of
from avatar_kit.io.motion.inverse_kinematics import JOINTS, rotations_from
from avatar_kit.io.motion.options import MotionOptions
from avatar_kit.io.motion.reading import Format, Reading
from avatar_kit.io.motion.size import leg_scale
from avatar_kit.io.motion.source import Source
from avatar_kit.io.motion.tracks import joined_people
from avatar_kit.io.motion.values import numbers
from avatar_kit.scene import Motion
from avatar_kit.scene.joints import SMPLX_JOINTS, SMPLX_PARENTS

#: Frames per second of HumanML3D, and of the models that learned from it.
_RATE = 20.0

#: A root height (metres) that no row of HumanML3D has, and most normalised ones have.
_LOWEST_ROOT = 0.05


def _places(source: Source) -> np.ndarray | None:
    """[T, J, 3] if the file is an array of joints' places."""
    array = source.array
    if array is None or array.dtype.kind not in "fiu":
        return None
    if array.ndim == 4 and array.shape[0] == 1:
        array = array[0]
    fits = array.ndim == 3 and array.shape[1] in (JOINTS, JOINTS + 2) and array.shape[2] == 3
    return array if fits else None


def _read(source: Source, options: MotionOptions) -> Reading:
    places = numbers(_places(source), str(source.path))
    return _reading("SMPL joints", {"": places}, source, options, options.rate or 30.0, "guessed")


def _matches_samples(source: Source) -> bool:
    return "motion" in source.keys and bool({"text", "lengths"} & source.keys)


def _read_samples(source: Source, options: MotionOptions) -> Reading:
    """MDM: ``motion`` (samples, joints, 3, frames), and how many frames of each count."""
    what = f"{source.path}: key 'motion'"
    samples = numbers(source.data["motion"], what)
    if samples.ndim != 4 or samples.shape[1] != JOINTS or samples.shape[2] != 3:
        raise UserError(f"{what} has shape {samples.shape}, expected (N, {JOINTS}, 3, T)")
    lengths = source.data.get("lengths", [samples.shape[3]] * len(samples))
    lengths = numbers(lengths, f"{source.path}: key 'lengths'").ravel().astype(int)
    if len(lengths) != len(samples) or not ((lengths > 0) & (lengths <= samples.shape[3])).all():
        raise UserError(
            f"{source.path}: key 'lengths' is {lengths.tolist()}, expected {len(samples)} numbers "
            f"up to {samples.shape[3]}"
        )
    people = {
        str(i): sample[..., :count].transpose(2, 0, 1)
        for i, (sample, count) in enumerate(zip(samples, lengths, strict=True))
    }
    return _reading("MDM (joints)", people, source, options, options.rate or _RATE, "usual")


def _read_humanml(source: Source, options: MotionOptions) -> Reading:
    rows = numbers(rows_of(source, 263), str(source.path))
    if not len(rows):
        raise UserError(f"{source.path}: the motion has no frames")
    if float(np.median(rows[:, 3])) < _LOWEST_ROOT:
        raise UserError(
            f"{source.path}: column 3, the height of the pelvis, is {np.median(rows[:, 3]):.3g} m; "
            "are these normalised? multiply by Std.npy and add Mean.npy of the data set"
        )
    people = {"": _humanml_places(rows)}
    return _reading("HumanML3D", people, source, options, options.rate or _RATE, "usual")


def _humanml_places(rows: np.ndarray) -> np.ndarray:
    """[T, 22, 3] places in the world.

    A row starts with how far the heading turns to the next frame (half an angle), the step of the
    pelvis over the floor as seen by the next frame, and its height; then come the other joints, as
    seen from the floor below the pelvis.
    """
    half = np.concatenate([[0.0], np.cumsum(rows[:-1, 0])])
    sine, cosine = np.sin(-2 * half), np.cos(-2 * half)

    def turned(x: np.ndarray, z: np.ndarray, at: slice | np.ndarray) -> tuple:
        c, s = (v[at].reshape(-1, *[1] * (x.ndim - 1)) for v in (cosine, sine))
        return c * x + s * z, c * z - s * x

    steps = turned(rows[:-1, 1], rows[:-1, 2], slice(1, None))
    x, z = (np.concatenate([[0.0], np.cumsum(step)]) for step in steps)
    below = rows[:, 4:67].reshape(len(rows), JOINTS - 1, 3)
    dx, dz = turned(below[..., 0], below[..., 2], slice(None))
    others = np.stack([dx + x[:, None], below[..., 1], dz + z[:, None]], -1)
    pelvis = np.stack([x, rows[:, 3], z], -1)
    return np.concatenate([pelvis[:, None], others], 1)


def _reading(
    layout: str,
    people: Mapping[str, np.ndarray],
    source: Source,
    options: MotionOptions,
    fps: float,
    rate: str,
) -> Reading:
    every = np.concatenate(list(people.values()))[:, :JOINTS]
    metres, unit, notes = _metres(every, source, options)
    motions = {name: _motion(places[:, :JOINTS] * metres, fps) for name, places in people.items()}
    motion, clips = joined_people(motions, source.path)
    return Reading(
        layout, motion, unit="m", unit_said=unit, rate=rate,  # type: ignore[arg-type]
        notes=(*notes, "places of joints do not tell how head, hands and forearms are twisted"),
        clips=clips,
    )  # fmt: skip


def _metres(
    places: np.ndarray, source: Source, options: MotionOptions
) -> tuple[float, str, tuple[str, ...]]:
    finite = places[np.isfinite(places).all(axis=(1, 2))]
    if not len(finite):
        raise UserError(f"{source.path}: no frame whose joints are all finite")
    bones = [
        np.median(np.linalg.norm(finite[:, j] - finite[:, SMPLX_PARENTS[j]], axis=1))
        for j in range(1, JOINTS)
    ]
    short = [SMPLX_JOINTS[j + 1] for j, length in enumerate(bones) if not length > 0]
    if short:
        raise UserError(
            f"{source.path}: {', '.join(short[:4])} lie on the joint before them in most frames: "
            "expected the places of SMPL's joints in their order"
        )
    index = SMPLX_JOINTS.index
    leg = float(bones[index("left_knee") - 1] + bones[index("left_ankle") - 1])
    return leg_scale(leg, source.path, options)


def _motion(places: np.ndarray, fps: float) -> Motion:
    at = torch.from_numpy(places)
    turns = rotations_from(at.nan_to_num()).float()
    turns[~at.isfinite().all(dim=(1, 2)) if at.ndim == 1 else ~at.flatten(1).isfinite().all(1)] = (
        torch.nan
    )
    return Motion.rest(
        len(at), fps, transl=at[:, 0].float(), global_orient=turns[:, 0],
        body_pose=turns[:, 1:].flatten(1),
    )  # fmt: skip


FORMAT = Format("SMPL joints npy (T, 22, 3)", lambda source: _places(source) is not None, _read)
SAMPLES = Format("MDM results npy", _matches_samples, _read_samples)
HUMANML = Format(
    "HumanML3D npy (T, 263)", lambda source: rows_of(source, 263) is not None, _read_humanml
)
