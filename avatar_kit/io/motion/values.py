"""Numbers of a motion under their keys, checked before they are used."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import roma
import torch
from torch import Tensor

from avatar_kit.errors import UserError
from avatar_kit.io.motion.options import RATES, MotionOptions

#: Keys that files give their frame rate under.
RATE_KEYS = (
    "fps",
    "mocap_framerate",
    "mocap_frame_rate",
    "framerate",
    "frame_rate",
    "frameRate",
)


def numbers(value: Any, what: str) -> np.ndarray:
    """An array of numbers, float64.

    Args:
        value: An array, or nested lists.
        what: The file and the key, for messages.

    Raises:
        UserError: It holds something else, or rows of different lengths.
    """
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):
        raise UserError(
            f"{what}: rows of different lengths, expected an array of numbers"
        ) from None
    if array.dtype.kind not in "fiu":
        raise UserError(f"{what} holds {array.dtype}, expected numbers")
    return array.astype(np.float64)


def tensor(array: np.ndarray) -> Tensor:
    """The numbers as float32."""
    return torch.from_numpy(np.array(array, dtype=np.float32))


def key(data: Mapping[Any, Any], name: str, path: Path | str) -> np.ndarray:
    """The numbers under a key.

    Raises:
        UserError: The key is missing or holds something else.
    """
    if name not in data:
        raise UserError(f"{path}: key '{name}' is missing; there are {', '.join(map(str, data))}")
    return numbers(data[name], f"{path}: key '{name}'")


def axis_angles(value: np.ndarray, joints: int, what: str, frames: int | None = None) -> np.ndarray:
    """[T, 3 * joints] rotation vectors, from these or from matrices.

    Args:
        value: [T, J * 3], [T, J, 3], [T, J, 3, 3] or [T, J * 9].
        joints: J.
        what: The file and the key, for messages.
        frames: T; None: the length of the first axis.

    Raises:
        UserError: Another shape, or matrices that are no rotations.
    """
    frames = len(value) if frames is None and value.ndim else frames or 0
    if frames == 0:
        return np.zeros((0, 3 * joints))
    width = value.size // frames if frames and value.size % frames == 0 else -1
    if width == 3 * joints and value.shape[-2:] != (3, 3):
        return value.reshape(frames, -1)
    if width == 9 * joints:
        matrices = torch.from_numpy(value.reshape(frames, joints, 3, 3))
        off = (matrices @ matrices.mT - torch.eye(3).double()).abs().amax(dim=(1, 2, 3))
        if not bool((off < 0.05).all() and (torch.linalg.det(matrices) > 0).all()):
            raise UserError(f"{what} holds matrices that are no rotations")
        nearest = roma.special_procrustes(matrices)
        return roma.rotmat_to_rotvec(nearest).reshape(frames, -1).numpy()
    raise UserError(
        f"{what} has shape {value.shape}, expected ({frames}, {3 * joints}) axis-angle values or "
        f"({frames}, {joints}, 3, 3) rotations"
    )


def shaped(value: np.ndarray, shape: tuple[int, ...], what: str) -> np.ndarray:
    """The array, which must have a shape.

    Raises:
        UserError: It has another.
    """
    if value.shape != shape:
        raise UserError(f"{what} has shape {value.shape}, expected {shape}")
    return value


def in_rows(value: np.ndarray, shape: tuple[int, ...], what: str) -> np.ndarray:
    """[N, *shape] the values of an array of any shape, ``shape`` at a time.

    Raises:
        UserError: It has too few or too many for that.
    """
    if value.size % math.prod(shape):
        wanted = ", ".join(map(str, ("N", *shape)))
        raise UserError(f"{what} has shape {value.shape}, expected ({wanted})")
    return value.reshape(-1, *shape)


def frame_rate(
    data: Mapping[Any, Any], path: Path | str, options: MotionOptions, usual: float | None = None
) -> tuple[float, str]:
    """Frames per second, and how they are known.

    Args:
        data: What may hold them, under any of the keys in use.
        path: For messages.
        options: What the person said.
        usual: What the format has where the file is silent; None: 30, a guess.

    Returns:
        The rate, and "stated", "usual" or "guessed".

    Raises:
        UserError: The value is no rate that a recording has.
    """
    if options.rate is not None:
        return options.rate, "stated"
    for name in RATE_KEYS:
        if name in data:
            return checked_rate(data[name], f"{path}: key '{name}'"), "stated"
    return (usual, "usual") if usual else (30.0, "guessed")


def checked_rate(value: Any, what: str) -> float:
    """A rate, if a recording can have it.

    Raises:
        UserError: It is no number, or out of range.
    """
    try:
        rate = float(np.asarray(value).reshape(()))
    except (ValueError, TypeError):
        rate = math.nan
    if RATES[0] <= rate <= RATES[1]:
        return rate
    hint = ""
    if rate > 0 and RATES[0] <= 1 / rate <= RATES[1]:
        hint = f"; is this the time of a frame? then the rate is {1 / rate:.6g}"
    raise UserError(
        f"{what} is {value}, expected {RATES[0]:g} to {RATES[1]:g} frames per second{hint}; say it "
        "with --motion-fps"
    )


def same_length(arrays: Mapping[str, Sequence[Any] | np.ndarray], path: Path | str) -> int:
    """The number of frames that all arrays have.

    Raises:
        UserError: They differ.
    """
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in lengths.items())
        raise UserError(f"{path}: keys of different numbers of frames: {listed}")
    return next(iter(lengths.values()))
