"""ExAvatar's form of an own video: a camera for each frame, SMPL-X json."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit_datasets.config import ExAvatarConfig
from avatar_kit_datasets.dataset import Recorded
from avatar_kit_datasets.files import Numbers, from_json, needed, text_of
from avatar_kit_datasets.pictures import FilePictures, number_of, paired, picture_files, size_of
from avatar_kit_datasets.recording import Poses, Recording, View, checked_angles

_FPS = 30.0
_FIELDS = {
    "global_orient": ("root_pose", 3),
    "body_pose": ("body_pose", 63),
    "jaw_pose": ("jaw_pose", 3),
    "leye_pose": ("leye_pose", 3),
    "reye_pose": ("reye_pose", 3),
    "left_hand_pose": ("lhand_pose", 45),
    "right_hand_pose": ("rhand_pose", 45),
}


class ExAvatar(Recorded):
    """``frames/``, ``masks/``, ``cam_params/`` and ``smplx_optimized/``."""

    config: ExAvatarConfig
    title = "ExAvatar"

    def read(self) -> Recording:
        """The frames that have a picture, a mask, a camera and a pose."""
        root = self.config.path
        images = picture_files(root / "frames")
        optimized = root / "smplx_optimized"
        smoothed = needed(optimized, "smplx_params_smoothed", "smplx_params")
        kept = [p for p in images if (smoothed / f"{number_of(p)}.json").exists()]
        if not kept:
            raise UserError(f"{smoothed}: no parameters of any picture of {root / 'frames'}")
        numbers = [number_of(p) for p in kept]
        masks = paired(kept, picture_files(root / "masks", "masks"), root / "masks")
        rows = [_file(smoothed / f"{n}.json") for n in numbers]
        fields = {}
        for field, (key, width) in _FIELDS.items():
            own = np.stack([row.array(key, (width,)) for row in rows])
            fields[field] = checked_angles(own, width, f"{smoothed}: key '{key}'")
        transl = np.stack([row.array("trans", (3,)) for row in rows])
        shape = optimized / "shape_param.json"
        betas = Numbers(shape, {"betas": from_json(shape)}).first_row("betas")
        cameras = [_file(root / "cam_params" / f"{n}.json") for n in numbers]
        notes: tuple[str, ...] = ("expression and offsets of SMPL-X are ignored",)
        if len(kept) < len(images):
            notes += (f"{len(images) - len(kept)} of {len(images)} pictures have no parameters",)
        return Recording(
            root,
            root.name,
            _FPS,
            {"main": _view(cameras, size_of(kept[0]))},
            Poses("smplx", betas, transl, fields),
            FilePictures({"main": kept}, {"main": masks}),
            _splits(root, numbers),
            notes,
        )


def _file(path: Path) -> Numbers:
    return Numbers(path, from_json(path))


def _view(rows: list[Numbers], size: tuple[int, int]) -> View:
    focal = np.stack([row.array("focal", (2,)) for row in rows])
    middle = np.stack([row.array("princpt", (2,)) for row in rows])
    K = np.tile(np.eye(3), (len(rows), 1, 1))
    K[:, 0, 0], K[:, 1, 1] = focal.T
    K[:, :2, 2] = middle
    R = np.stack([row.array("R", (3, 3)) for row in rows])
    t = np.stack([row.array("t", (3,)) for row in rows])
    still = all((value == value[0]).all() for value in (K, R, t))
    return View(K[0], R[0], t[0], *size) if still else View(K, R, t, *size)


def _splits(root: Path, numbers: list[int]) -> dict[str, list[int]]:
    at, found = {number: i for i, number in enumerate(numbers)}, {}
    for name in ("train", "test"):
        path = root / f"frame_list_{name}.txt"
        if path.exists():
            words = [int(word) for word in text_of(path).split() if word.isdigit()]
            found[name] = [at[word] for word in words if word in at]
    return found if found.get("train") else {}
