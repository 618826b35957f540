"""Reading array files and checking the motion that came out of them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.scene.motion import Motion


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an npz; pickled objects are refused.

    Raises:
        UserError: The file is missing, is no npz, is cut short, or holds pickled objects.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            if isinstance(file, np.ndarray):
                raise UserError(f"{path}: holds one bare array, expected an npz with named arrays")
            return {key: file[key] for key in file.files}
    except FileNotFoundError:
        raise UserError(f"{path}: no such motion file") from None
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise UserError(f"{path}: cannot be read as npz ({error})") from None
    except ValueError as error:
        raise UserError(
            f"{path}: cannot be read safely ({error}); save plain numeric arrays"
        ) from None


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
