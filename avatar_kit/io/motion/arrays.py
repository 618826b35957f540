"""Reading array files and checking the motion that came out of them."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.scene.motion import Motion

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an npz. Entries that are pickled objects are left out, never unpickled.

    Raises:
        UserError: The file is missing, is no npz, or is damaged.
    """
    file = _load(path)
    if isinstance(file, np.ndarray):
        raise UserError(f"{path}: holds one bare array, expected an npz with named arrays")
    arrays = {}
    with file:
        for key in file.files:
            try:
                arrays[key] = file[key]
            except ValueError as error:
                if "pickle" not in str(error):
                    raise UserError(f"{path}: key '{key}' is damaged ({error})") from None
            except _DAMAGE as error:
                raise UserError(f"{path}: key '{key}' is damaged ({error})") from None
    return arrays


def read_npy(path: Path) -> np.ndarray:
    """The array of an npy; pickled objects are refused.

    Raises:
        UserError: The file is missing, is no npy of numbers, or is damaged.
    """
    array = _load(path)
    if not isinstance(array, np.ndarray):
        raise UserError(f"{path}: holds several arrays; name it .npz")
    return array


def _load(path: Path) -> np.ndarray | np.lib.npyio.NpzFile:
    try:
        return np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise UserError(f"{path}: no such motion file") from None
    except _DAMAGE as error:
        raise UserError(f"{path}: cannot be read ({error}); is it a numpy file, whole?") from None


def checked(motion: Motion, path: Path) -> Motion:
    """The motion, if it has frames and every value is finite.

    Raises:
        UserError: No frames; or NaN or infinity, with the first bad frame.
    """
    if len(motion) == 0:
        raise UserError(f"{path}: the motion has no frames")
    finite = motion.is_finite()
    if not finite.all():
        bad = (~finite).nonzero().flatten().tolist()
        raise UserError(
            f"{path}: pose of frame {bad[0]} is not finite (NaN or infinity; {len(bad)} frame(s) "
            "in all); mend or cut these frames"
        )
    return motion
