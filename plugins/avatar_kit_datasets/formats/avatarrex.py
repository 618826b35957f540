"""AvatarReX and THuman4.0: a ring of cameras, SMPL-X."""

from __future__ import annotations

import os
from pathlib import Path

from avatar_kit.errors import UserError
from avatar_kit_datasets.config import AvatarRexConfig
from avatar_kit_datasets.dataset import Recorded
from avatar_kit_datasets.files import Numbers, from_json, needed
from avatar_kit_datasets.formats.actorshq import common_frames, some_poses
from avatar_kit_datasets.formats.smplx_npz import read_smplx
from avatar_kit_datasets.pictures import FilePictures, number_of, picture_files, size_of
from avatar_kit_datasets.recording import Recording, View, named

_FPS = 30.0


class AvatarRex(Recorded):
    """Cameras of ``calibration_full.json`` (AvatarReX) or ``calibration.json`` (THuman4.0)."""

    config: AvatarRexConfig
    title = "AvatarReX / THuman4.0"

    def read(self) -> Recording:
        """All cameras that are calibrated and have pictures."""
        root = self.config.path
        path = needed(root, "calibration_full.json", "calibration.json")
        views, images, masks, absent = {}, {}, {}, []
        for serial, values in Numbers(path, from_json(path)).values.items():
            name, (pictures, own_masks) = named(serial), self._folders(root, serial)
            if self.config.cameras and name not in self.config.cameras:
                continue
            if not os.path.isdir(pictures):  # of any name that the file holds
                absent.append(serial)
                continue
            images[name] = picture_files(pictures)
            by_number = {number_of(p): p for p in picture_files(own_masks, "masks")}
            images[name] = [p for p in images[name] if number_of(p) in by_number]
            if not images[name]:
                raise UserError(f"{own_masks}: no mask of any picture of {pictures}")
            masks[name] = [by_number[number_of(p)] for p in images[name]]
            views[name] = _view(Numbers(path, values), size_of(images[name][0]), serial)
        if not views:
            raise UserError(f"{root}: holds pictures of none of the cameras of {path.name}")
        poses, notes = read_smplx(needed(root, "smpl_params.npz"))
        frames, images, masks, dropped = common_frames(images, masks, len(poses.transl))
        if absent:
            notes += (f"{len(absent)} calibrated cameras have no pictures",)
        return Recording(
            root,
            root.name,
            _FPS,
            views,
            some_poses(poses, frames),
            FilePictures(images, masks),
            notes=notes + dropped,
        )

    def _folders(self, root: Path, serial: str) -> tuple[Path, Path]:
        """Of pictures and of masks."""
        if (root / "images").is_dir():
            return root / "images" / serial, root / "masks" / serial
        return root / serial, root / serial / "mask" / "pha"


def _view(values: Numbers, size: tuple[int, int], serial: str) -> View:
    K = values.array("K", (9,)).reshape(3, 3)
    R, t = values.array("R", (9,)).reshape(3, 3), values.array("T", (3,))
    width, height = (int(n) for n in values.array("imgSize", (2,)))
    if min(width, height) < 1:
        raise UserError(f"{values.path}: camera {serial} is of {width}x{height} pixels")
    lens = values.array("distCoeff", (None,)) if "distCoeff" in values else ()
    view = View(K, R, t, width, height, tuple(map(float, lens)))
    if size == (width, height):
        return view
    x, y = size[0] / width, size[1] / height
    if abs(x / y - 1) > 0.02:
        raise UserError(
            f"{values.path}: camera {serial} is of {width}x{height} pixels, its pictures of "
            f"{size[0]}x{size[1]}, another shape"
        )
    return view.scaled(x, y, *size)
