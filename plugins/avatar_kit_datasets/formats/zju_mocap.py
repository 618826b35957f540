"""ZJU-MoCap: a ring of cameras, SMPL by EasyMocap; as published, or refined by Instant-NVR."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit_datasets.config import ZjuMocapConfig
from avatar_kit_datasets.dataset import Recorded
from avatar_kit_datasets.files import Numbers, needed, pickled
from avatar_kit_datasets.pictures import FilePictures, number_of, size_of
from avatar_kit_datasets.recording import (
    Poses,
    Recording,
    View,
    named,
    rotation,
    rotation_vector,
    smpl_pose,
)

_FPS = 50.0

#: Cameras stand a few metres from the person; in millimetres these are thousands.
_MILLIMETRES = 100.0


class ZjuMocap(Recorded):
    """``annots.npy``, pictures, masks and one file of parameters for each frame."""

    config: ZjuMocapConfig
    title = "ZJU-MoCap"

    def read(self) -> Recording:
        """All cameras that ``annots.npy`` names."""
        root = self.config.path
        annots = pickled(root / "annots.npy")
        rows = _pictures(annots)
        parameters = needed(root, "new_params", "smpl_params", "params")
        masks = needed(root, "mask_cihp", "mask", "masks")
        names = [named(Path(path).parts[-2]) for path in rows[0]]
        found = [root / row[0] for row in rows]
        frames = [_parameter_file(parameters, i, path) for i, path in enumerate(found)]
        poses = _poses([path for path in frames if path is not None])
        kept = [i for i, path in enumerate(frames) if path is not None]
        notes: tuple[str, ...] = ()
        if len(kept) < len(rows):
            notes = (f"{len(rows) - len(kept)} of {len(rows)} frames have no parameters",)
        images = {n: [root / rows[i][c] for i in kept] for c, n in enumerate(names)}
        labels = {n: [_mask(masks, Path(rows[i][c])) for i in kept] for c, n in enumerate(names)}
        views, unit = _views(annots, names, {n: size_of(own[0]) for n, own in images.items()})
        return Recording(
            root,
            root.name,
            _FPS,
            views,
            poses,
            FilePictures(images, labels, "labels"),
            notes=(*notes, f"places of cameras in {unit}"),
        )


def _pictures(annots: Numbers) -> list[list[str]]:
    """Of every frame, the paths of its pictures, camera by camera."""
    rows = annots.values.get("ims")
    if not isinstance(rows, list | np.ndarray) or not len(rows):
        raise UserError(f"{annots.path}: key 'ims' names no pictures")
    found = []
    for i, row in enumerate(rows):
        own = row.get("ims") if isinstance(row, dict) else None
        if own is None or not len(own):
            raise UserError(f"{annots.path}: key 'ims': frame {i} names no pictures")
        paths = [str(path) for path in own]
        parts = [Path(path) for path in paths]
        if any(p.is_absolute() or ".." in p.parts or len(p.parts) < 2 for p in parts):
            raise UserError(f"{annots.path}: key 'ims': frame {i} leads out of the folder")
        found.append(paths)
    if len({len(row) for row in found}) > 1:
        raise UserError(f"{annots.path}: key 'ims': frames differ in the number of cameras")
    return found


def _parameter_file(folder: Path, index: int, picture: Path) -> Path | None:
    """By the number of the picture's name, which starts at 1 in some subjects, else by place."""
    for number in dict.fromkeys((number_of(picture), index)):
        if (folder / f"{number}.npy").exists():
            return folder / f"{number}.npy"
    return None


def _poses(files: list[Path]) -> Poses:
    if not files:
        raise UserError("no frame has parameters (params/NUMBER.npy)")
    rows = [pickled(path) for path in files]
    turn = rotation(np.stack([row.array("Rh", (3,)) for row in rows]))
    pose = np.stack([row.array("poses", (72,)) for row in rows])
    fields = smpl_pose(pose, f"{files[0].parent}: key 'poses'")
    fields["global_orient"] = rotation_vector(turn @ rotation(fields["global_orient"]))
    transl = np.stack([row.array("Th", (3,)) for row in rows])
    betas = rows[0].first_row("shapes")
    return Poses("smpl", betas, transl, fields, turn)


def _mask(folder: Path, picture: Path) -> Path:
    """The mask of a picture: below the folder as the picture below its own, as .png."""
    for own in (picture, Path(*picture.parts[1:])):
        for path in (folder / own, (folder / own).with_suffix(".png")):
            if os.path.exists(path):
                return path
    raise UserError(f"{folder}: no mask of {picture}")


def _views(
    annots: Numbers, names: list[str], sizes: dict[str, tuple[int, int]]
) -> tuple[dict[str, View], str]:
    cams = annots.part("cams")
    count = len(names)
    K, R = cams.array("K", (None, 3, 3)), cams.array("R", (None, 3, 3))
    t = np.stack(cams.rows("T"))
    lens = cams.rows("D")
    if min(map(len, (K, R, t, lens))) < count or t.shape[1:] != (3,):
        raise UserError(f"{annots.path}: key 'cams' has {len(K)} cameras, the pictures {count}")
    far = float(np.median(np.linalg.norm(t, axis=1)))
    unit, factor = ("millimetres", 1e-3) if far > _MILLIMETRES else ("metres", 1.0)
    views = {
        name: View(K[i], R[i], t[i] * factor, *sizes[name], tuple(map(float, lens[i])))
        for i, name in enumerate(names)
    }
    return views, unit
