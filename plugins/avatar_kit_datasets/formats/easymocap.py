"""EasyMocap: calibrated cameras in OpenCV's YAML, SMPL json for each frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from avatar_kit.errors import UserError, shown
from avatar_kit.io.documents import PlainLoader, parse_yaml
from avatar_kit_datasets.config import EasyMocapConfig
from avatar_kit_datasets.dataset import Recorded
from avatar_kit_datasets.files import Numbers, from_json, needed, text_of
from avatar_kit_datasets.formats.actorshq import common_frames
from avatar_kit_datasets.pictures import FilePictures, number_of, paired, picture_files, size_of
from avatar_kit_datasets.recording import (
    Family,
    Poses,
    Recording,
    View,
    checked_angles,
    named,
    rotation,
    rotation_vector,
)

_FPS = 30.0

#: Number of values -> family, which begin with root and body.
_WIDTHS: dict[int, Family] = {72: "smpl", 78: "smpl", 87: "smplx"}


class EasyMocap(Recorded):
    """``images/``, ``mask/``, ``intri.yml``, ``extri.yml`` and ``smpl/`` or ``smplx/``."""

    config: EasyMocapConfig
    title = "EasyMocap"

    def read(self) -> Recording:
        """All calibrated cameras; of several people the first."""
        root = self.config.path
        inner, outer = opencv_yaml(root / "intri.yml"), opencv_yaml(root / "extri.yml")
        folder = needed(root, "mask", "masks", "mask-schp")
        views, images, masks = {}, {}, {}
        for camera in inner.names("names"):
            name, pictures = named(camera), picture_files(root / "images" / camera)
            own = folder / camera
            images[name], masks[name] = pictures, paired(pictures, picture_files(own, "masks"), own)
            K, R = inner.array(f"K_{camera}", (3, 3)), outer.array(f"Rot_{camera}", (3, 3))
            lens = inner.array(f"dist_{camera}", (None,)) if f"dist_{camera}" in inner else ()
            t = outer.array(f"T_{camera}", (3,))
            views[name] = View(K, R, t, *size_of(pictures[0]), tuple(map(float, lens)))
        if not views:
            raise UserError(f"{inner.path}: key 'names' names no camera")
        numbered = sorted(needed(root, "smplx", "smplh", "smpl").glob("*.json"), key=number_of)
        if not numbered:
            raise UserError(f"{root}: no NUMBER.json of parameters")
        numbers = {number_of(path): path for path in numbered}
        frames, images, masks, notes = common_frames(images, masks, max(numbers) + 1)
        missing = [frame for frame in frames if frame not in numbers]
        if missing:
            raise UserError(f"{numbered[0].parent}: no parameters of frame {missing[0]}")
        poses, more = read_poses([numbers[frame] for frame in frames])
        files = FilePictures(images, masks)
        return Recording(root, root.name, _FPS, views, poses, files, notes=notes + more)


def read_poses(files: list[Path]) -> tuple[Poses, tuple[str, ...]]:
    """Poses of the first person of each file, and what is left out.

    Raises:
        UserError: A file names nobody, or another person than the first.
    """
    rows = []
    for path in files:
        people = from_json(path)
        people = people.get("annots", people) if isinstance(people, dict) else people
        if not isinstance(people, list) or not people:
            raise UserError(f"{path}: contains no person")
        rows.append(Numbers(path, people[0]))
    first = rows[0].values.get("id", 0)
    for row in rows:
        if row.values.get("id", 0) != first:
            said = shown(row.values.get("id"))
            raise UserError(f"{row.path}: is of person {said}, not of {shown(first)}")
    width = sum(map(len, rows[0].rows("poses")))
    if width not in _WIDTHS:
        raise UserError(
            f"{files[0]}: key 'poses' has {width} values, expected {', '.join(map(str, _WIDTHS))}"
        )
    pose = np.stack([row.array("poses", (width,)) for row in rows])[:, :66]
    pose = checked_angles(pose, 66, f"{files[0].parent}: key 'poses'")
    turn = rotation(np.stack([row.array("Rh", (3,)) for row in rows]))
    fields = {
        "global_orient": rotation_vector(turn @ rotation(pose[:, :3])),
        "body_pose": pose[:, 3:],
    }
    transl = np.stack([row.array("Th", (3,)) for row in rows])
    betas = rows[0].first_row("shapes")
    notes: tuple[str, ...] = ()
    if width > 72:
        notes = ("hands and face are coefficients of the model and are ignored",)
    return Poses(_WIDTHS[width], betas, transl, fields, turn), notes


class _Matrices(PlainLoader):
    """YAML with OpenCV's matrices, as lists of rows."""


def _matrix(loader: Any, node: Any) -> list[Any]:
    held = loader.construct_mapping(node, deep=True)
    shape = held["sizes"] if "sizes" in held else (held["rows"], held["cols"])
    return np.asarray(held["data"], float).reshape([int(side) for side in shape]).tolist()


for _tag in ("opencv-matrix", "opencv-nd-matrix"):  # the second by OpenCV 5, of vectors
    _Matrices.add_constructor(f"tag:yaml.org,2002:{_tag}", _matrix)


def opencv_yaml(path: Path) -> Numbers:
    """Named values of a file that OpenCV's FileStorage wrote.

    Raises:
        UserError: The file is missing or no such file.
    """
    lines = text_of(path).splitlines()
    body = "\n".join(line for line in lines if not line.startswith("%YAML"))
    return Numbers(path, parse_yaml(body, str(path), _Matrices))
