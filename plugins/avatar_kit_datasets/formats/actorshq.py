"""ActorsHQ: a person in a dome of cameras."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit_datasets.config import ActorsHqConfig
from avatar_kit_datasets.dataset import Recorded
from avatar_kit_datasets.files import parsed, text_of
from avatar_kit_datasets.formats.smplx_npz import read_smplx
from avatar_kit_datasets.pictures import FilePictures, number_of, paired, picture_files
from avatar_kit_datasets.recording import Poses, Recording, View, rotation

_COLUMNS = ("name", "w", "h", "rx", "ry", "rz", "tx", "ty", "tz", "fx", "fy", "px", "py")
_FPS = 25.0


class ActorsHq(Recorded):
    """A folder of one scale, such as ``Actor01/Sequence1/4x``."""

    config: ActorsHqConfig
    title = "ActorsHQ"

    def read(self) -> Recording:
        """Cameras of ``calibration.csv`` whose pictures are there."""
        root = self.config.path
        known = read_calibration(root / "calibration.csv")
        wanted = self.config.cameras or tuple(
            name for name in known if os.path.isdir(root / "rgbs" / name)
        )
        if not wanted:
            raise UserError(
                f"{root / 'rgbs'}: contains no folder of a camera that calibration.csv names"
            )
        images, masks, missing = {}, {}, [name for name in known if name not in wanted]
        for name in wanted:
            if name not in known:
                raise UserError(f"{root / 'calibration.csv'}: there is no camera '{name}'")
            images[name] = picture_files(root / "rgbs" / name)
            folder = root / "masks" / name
            masks[name] = paired(images[name], picture_files(folder, "masks"), folder)
        poses, notes = read_smplx(self._parameters(root))
        frames, images, masks, dropped = common_frames(images, masks, len(poses.transl))
        notes += dropped
        if missing:
            notes += (f"{len(missing)} of {len(known)} cameras are not used or missing",)
        return Recording(
            root,
            "-".join(root.absolute().parts[-3:-1]) or root.name,
            _FPS,
            {name: known[name] for name in wanted},
            some_poses(poses, frames),
            FilePictures(images, masks),
            notes=notes,
        )

    def _parameters(self, root: Path) -> Path:
        if self.config.smpl_params is not None:
            return self.config.smpl_params
        for folder in (root, *root.absolute().parents[:3]):
            if (folder / "smpl_params.npz").exists():
                return folder / "smpl_params.npz"
        raise UserError(
            f"{root}: smpl_params.npz is missing: the SMPL-X parameters of ActorsHQ come "
            "separately; put the file here, or name it with smpl_params=FILE"
        )


def read_calibration(path: Path) -> dict[str, View]:
    """Name -> camera. The file has camera-to-world, and intrinsics as shares of the size.

    Raises:
        UserError: The file is missing, or a column or a number is.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(text_of(path), newline="")))
    except csv.Error as error:
        raise UserError(f"{path}: no table of text ({error})") from None
    missing = [column for column in _COLUMNS if not rows or column not in rows[0]]
    if missing:
        raise UserError(
            f"{path}: the columns {', '.join(missing)} are missing; expected {', '.join(_COLUMNS)}"
        )
    found = {}
    for line, row in enumerate(rows, 2):
        words = [row[key] or "" for key in _COLUMNS[1:]]
        v = dict(zip(_COLUMNS[1:], parsed(words, path, f"line {line}").tolist(), strict=True))
        if max(v["fx"], v["fy"], v["px"], v["py"]) > 10:
            raise UserError(
                f"{path}: line {line}: fx={v['fx']:g} px={v['px']:g}; intrinsics must be shares of "
                "the picture's size, these look like pixels"
            )
        w, h = v["w"], v["h"]
        K = np.array([[v["fx"] * w, 0, v["px"] * w], [0, v["fy"] * h, v["py"] * h], [0, 0, 1.0]])
        R = rotation(np.array([v["rx"], v["ry"], v["rz"]])).T
        at = np.array([v["tx"], v["ty"], v["tz"]])
        found[str(row["name"])] = View(K, R, -R @ at, int(w), int(h))
    return found


def common_frames(
    images: dict[str, list[Path]], masks: dict[str, list[Path]], poses: int
) -> tuple[list[int], dict[str, list[Path]], dict[str, list[Path]], tuple[str, ...]]:
    """The frames of which every camera has a picture, and which have a pose.

    Returns:
        Their numbers, the pictures and masks of these frames, and a line where some were dropped.

    Raises:
        UserError: None is left.
    """
    numbers = [{number_of(path) for path in own} for own in images.values()]
    every = set.union(*numbers)
    kept = sorted(frame for frame in set.intersection(*numbers) if frame < poses)
    if not kept:
        raise UserError(
            f"no frame has both a picture from all {len(images)} cameras and one of the {poses} "
            "poses"
        )
    notes: tuple[str, ...] = ()
    if len(kept) < len(every):
        notes = (
            f"{len(every) - len(kept)} of {len(every)} frames are omitted: a camera lacks them, "
            "or they have no pose",
        )

    def some(paths: list[Path]) -> list[Path]:
        by_number = {number_of(path): path for path in paths}
        return [by_number[frame] for frame in kept]

    by_image = {name: dict(zip(images[name], masks[name], strict=True)) for name in images}
    chosen = {name: some(own) for name, own in images.items()}
    return (
        kept,
        chosen,
        {name: [by_image[name][path] for path in own] for name, own in chosen.items()},
        notes,
    )


def some_poses(poses: Poses, frames: list[int]) -> Poses:
    """Some frames of poses."""
    fields = {name: value[frames] for name, value in poses.fields.items()}
    return replace(poses, transl=poses.transl[frames], fields=fields)
