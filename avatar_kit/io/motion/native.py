"""Our own motion file: a plain npz with the fields of :class:`Motion`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from avatar_kit.errors import UserError, shown
from avatar_kit.io.atomic import atomic_path
from avatar_kit.io.motion.values import numbers, tensor
from avatar_kit.scene.motion import FIELDS, Motion

_MARKS = {"joint_convention": "smplx", "up": "y"}

#: Frames per second that a motion may have.
FPS = 0.01, 1000.0


def is_native(keys: Collection[str]) -> bool:
    """Whether the arrays of an npz are ours: they say which joint convention they follow."""
    return "joint_convention" in keys


def from_native(data: Mapping[str, np.ndarray], path: Path) -> Motion:
    """The motion in the arrays of one of our npz files.

    Raises:
        UserError: A key is missing, has another shape, or the convention is not ours.
    """
    for key, expected in _MARKS.items():
        found = str(data[key]) if key in data else None
        if found != expected:
            raise UserError(f"{path}: key '{key}' is {found!r}, expected '{expected}'")
    missing = [key for key in ("fps", *FIELDS) if key not in data]
    if missing:
        raise UserError(f"{path}: missing key(s) {', '.join(missing)}; write it with save_motion")
    frames = len(np.atleast_1d(data["transl"]))
    for key, width in FIELDS.items():
        if data[key].shape != (frames, *width):
            raise UserError(
                f"{path}: key '{key}' has shape {data[key].shape}, expected {(frames, *width)}"
            )
    values = {key: tensor(numbers(data[key], f"{path}: key '{key}'")) for key in FIELDS}
    fps = numbers(data["fps"], f"{path}: key 'fps'")
    low, high = FPS
    if fps.size != 1 or not low <= float(fps.reshape(-1)[0]) <= high:
        raise UserError(
            f"{path}: key 'fps' is {shown(fps.tolist())}, expected one number from {low:g} to "
            f"{high:g}"
        )
    return Motion(fps=float(fps.reshape(-1)[0]), **values)


def save_motion(path: str | Path, motion: Motion) -> None:
    """Write a motion as our npz (float32), whole or not at all.

    Args:
        path: Ends in .npz.
        motion: The motion, on any device.

    Raises:
        UserError: The name has another suffix, or the motion a rate that no recording has.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise UserError(f"{path}: a motion file ends in .npz")
    low, high = FPS
    if not low <= motion.fps <= high:
        raise UserError(
            f"{path}: a motion of {motion.fps:g} frames per second, expected {low:g} to {high:g}"
        )
    arrays = {key: getattr(motion, key).detach().cpu().float().numpy() for key in FIELDS}
    with atomic_path(path) as partial:
        np.savez(partial, fps=np.float64(motion.fps), **_MARKS, **arrays)
