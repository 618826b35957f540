"""DNA-Rendering: a dome of 60 cameras in two archives (extra datasets)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.io.image import decoded_image
from avatar_kit_datasets.config import DnaRenderingConfig
from avatar_kit_datasets.dataset import Recorded
from avatar_kit_datasets.files import Numbers
from avatar_kit_datasets.hdf5 import Hdf5File, open_hdf5
from avatar_kit_datasets.pictures import ComputedPictures, as_mask
from avatar_kit_datasets.recording import MEAN_HAND, Poses, Recording, View, smplx_pose

_FPS = 15.0
_GROUPS = ("Camera_5mp", "Camera_12mp")
_FEATURE = "data set 'dna_rendering'"


class DnaRendering(Recorded):
    """``ID.smc`` with the pictures, and ``ID_annots.smc`` with cameras, masks and SMPL-X."""

    config: DnaRenderingConfig
    title = "DNA-Rendering"

    def read(self) -> Recording:
        """All cameras that have pictures and masks."""
        path = self.config.path
        annots = path.with_name(f"{path.stem}_annots.smc")
        with open_hdf5(annots, _FEATURE) as file, open_hdf5(path, _FEATURE) as main:
            places = _places(main)
            names = [name for name in places if f"Mask/{int(name)}/mask" in file]
            names = [n for n in names if n in (self.config.cameras or names)]
            if not names:
                raise UserError(f"{annots}: has masks of no camera of {path.name}")
            views = {n: _view(file, n, main, places[n]) for n in names}
            values = _group(file, "SMPLx")
        pose = values.values.get("fullpose", np.zeros(0))
        fields = smplx_pose(pose, f"{annots}: key 'SMPLx/fullpose'")
        frames = len(fields["global_orient"])
        betas = values.first_row("betas")
        transl = values.array("transl", (frames, 3))
        poses = Poses("smplx", betas, transl, fields, mean_hand=True)
        pictures = ComputedPictures(
            lambda name, wanted: _read(path, places[name], wanted, "RGB"),
            lambda name, wanted: _read(annots, f"Mask/{int(name)}/mask", wanted, "L"),
            (path, annots),
        )
        notes = (MEAN_HAND, *_scale(values))
        return Recording(path, path.stem, _FPS, views, poses, pictures, notes=notes)


def _places(main: Hdf5File) -> dict[str, str]:
    """Number of a camera, two digits -> group of its pictures."""
    found = {}
    for group in _GROUPS:
        for number in _numbers(main, group):
            found[f"{int(number):02d}"] = f"{group}/{number}/color"
    if not found:
        raise UserError(f"{main.path}: holds none of the groups {', '.join(_GROUPS)}")
    return dict(sorted(found.items()))


def _numbers(file: Hdf5File, group: str) -> list[str]:
    """The names in a group, which must be numbers, in the order of these.

    Raises:
        UserError: One is not.
    """
    names = file.names(group)
    for name in names:
        if not (name.isascii() and name.isdecimal()):
            raise UserError(f"{file.path}: key '{group}/{name}': expected a number for a name")
    return sorted(names, key=int)


def _group(file: Hdf5File, group: str) -> Numbers:
    return Numbers(file.path, {key: file.array(f"{group}/{key}") for key in file.names(group)})


def _view(file: Hdf5File, name: str, main: Hdf5File, place: str) -> View:
    group = f"Camera_Parameter/{name}"
    if group not in file:
        raise UserError(f"{file.path}: key '{group}' is missing: the camera is not calibrated")
    pictures = _numbers(main, place)
    if not pictures:
        raise UserError(f"{main.path}: key '{place}' holds no pictures")
    values = _group(file, group)
    outer = values.array("RT", (4, 4))
    R = outer[:3, :3].T  # the file has camera-to-world
    held = main.array(f"{place}/{pictures[0]}")
    first = _decoded(held, f"{main.path}: camera {name}", "RGB")
    lens = tuple(map(float, values.array("D", (None,)))) if "D" in values else ()
    size = (first.shape[1], first.shape[0])
    return View(values.array("K", (3, 3)), R, -R @ outer[:3, 3], *size, lens)


def _read(path: Path, group: str, wanted: Iterable[int], mode: str) -> Iterator[np.ndarray]:
    with open_hdf5(path, _FEATURE) as file:
        for frame in wanted:
            key = f"{group}/{frame}"
            held, what = file.array(key), f"{path}: key '{key}'"
            if mode == "L" and held.ndim == 2:
                yield as_mask(held, what)
            else:
                yield _decoded(held, what, mode)


def _decoded(held: np.ndarray, what: str, mode: str) -> np.ndarray:
    """A picture that lies encoded in an array of bytes."""
    return decoded_image(held.astype(np.uint8).tobytes(), what, mode=mode)


def _scale(values: Numbers) -> tuple[str, ...]:
    """A line where the model is scaled as a whole, which no body here is."""
    if "scale" not in values:
        return ()
    scale = float(np.median(np.concatenate(values.rows("scale"))))
    if abs(scale - 1) < 0.02:
        return ()
    return (f"the files scale SMPL-X by {scale:.3f}, which is ignored",)
