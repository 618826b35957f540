"""NeuMan: a person filmed by a phone that is carried around."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.io.motion.arrays import read_npy
from avatar_kit_datasets.config import NeumanConfig
from avatar_kit_datasets.dataset import Recorded
from avatar_kit_datasets.files import Numbers, needed, pickled, text_of
from avatar_kit_datasets.formats.colmap import read_colmap
from avatar_kit_datasets.pictures import FilePictures, number_of, picture_files, read_mask, size_of
from avatar_kit_datasets.recording import (
    Poses,
    Recording,
    View,
    rotation,
    rotation_vector,
    smpl_pose,
)

_FPS = 30.0

#: By how much the scale of single frames may leave the median.
_STEADY = 0.1


class Neuman(Recorded):
    """COLMAP's cameras in a scale of their own, SMPL, and what carries one into the other."""

    config: NeumanConfig
    title = "NeuMan"

    def read(self) -> Recording:
        """One camera, which moves; all in metres."""
        root = self.config.path
        images, known = picture_files(root / "images"), read_colmap(root / "sparse")
        images = [path for path in images if path.name in known]
        if not images:
            raise UserError(f"{root / 'sparse'}: images.txt names no picture of {root / 'images'}")
        tracks = pickled(needed(root, "smpl_output_optimized.pkl", "smpl_output_romp.pkl"))
        if not tracks.values:
            raise UserError(f"{tracks.path}: holds poses of nobody")
        track = Numbers(tracks.path, next(iter(tracks.values.values())))
        pose = smpl_pose(track.array("pose", (None, 72)), f"{tracks.path}: key 'pose'")
        count = len(pose["global_orient"])
        frames = [number_of(path) for path in images]
        if max(frames) >= count:
            raise UserError(f"{tracks.path}: {count} poses, but a picture is number {max(frames)}")
        scale, turn, shift, notes = _similarities(root, images)
        fields = {name: value[frames] for name, value in pose.items()}
        fields["global_orient"] = rotation_vector(turn @ rotation(fields["global_orient"]))
        betas = track.first_row("betas")
        masks, inverted = _masks(root, images)
        if inverted:
            notes += ("segmentations are white on the scene: inverted",)
        pictures = FilePictures({"main": images}, {"main": masks}, "soft")
        if inverted:
            pictures = Inverted({"main": images}, {"main": masks}, "soft")
        return Recording(
            root,
            root.name,
            _FPS,
            {"main": _moving([known[path.name] for path in images], scale, size_of(images[0]))},
            Poses("smpl", betas, shift / scale, fields, turn),
            pictures,
            _splits(root, images),
            (*notes, f"scene scale {scale:.4g} to the metre"),
        )


class Inverted(FilePictures):
    """Masks that are white where the person is not."""

    def masks(self, camera: str, frames: Iterable[int]) -> Iterator[np.ndarray]:
        """Turned round."""
        return (255 - mask for mask in super().masks(camera, frames))


def _similarities(
    root: Path, images: list[Path]
) -> tuple[float, np.ndarray, np.ndarray, tuple[str, ...]]:
    """Scale, rotations [T, 3, 3] and shifts [T, 3] from SMPL to the scene.

    Raises:
        UserError: They are no similarities.
    """
    path = root / "alignments.npy"
    rows: Any
    try:
        rows = read_npy(path)
    except UserError:  # a mapping by the names of pictures
        rows = dict(pickled(path).values)
    if isinstance(rows, dict):
        named = Numbers(path, rows)
        stacked = np.stack([named.array(p.name, (4, 3)) for p in images])
    else:
        every = Numbers(path, {"alignments": rows}).array("alignments", (None, 4, 3))
        last = max(images, key=number_of)
        if number_of(last) >= len(every):
            raise UserError(f"{path}: {len(every)} alignments, none of {last.name}")
        stacked = every[[number_of(p) for p in images]]
    matrix, shift = np.swapaxes(stacked[:, :3], 1, 2), stacked[:, 3]
    scales = np.linalg.norm(matrix, axis=1).mean(1)
    turns = matrix / np.maximum(scales, 1e-9)[:, None, None]
    off = np.abs(turns @ np.swapaxes(turns, 1, 2) - np.eye(3)).max()
    if not off <= 0.02 or (np.linalg.det(turns) < 0).any():
        raise UserError(
            f"{path}: an alignment is not a rotation, scale and translation (off by {off:.2g})"
        )
    scale = float(np.median(scales))
    spread = float(np.abs(scales / scale - 1).max())
    notes: tuple[str, ...] = ()
    if spread > _STEADY:
        notes = (f"the scene's scale changes by {spread:.0%} between frames: the median is used",)
    return scale, turns, shift, notes


def _moving(views: list[View], scale: float, size: tuple[int, int]) -> View:
    """One camera that moves, in metres."""
    first = views[0]
    stacked = (np.stack([getattr(v, key) for v in views]) for key in ("K", "R", "t"))
    K, R, t = stacked
    K = K[0] if (K[0] == K).all() else K
    view = View(K, R, t / scale, first.width, first.height, first.distortion)
    if size == (first.width, first.height):
        return view
    return view.scaled(size[0] / first.width, size[1] / first.height, *size)


def _masks(root: Path, images: list[Path]) -> tuple[list[Path], bool]:
    """Segmentations, and whether they are white on the scene: a person is the smaller part."""
    folder = root / "segmentations"
    by_number = {number_of(p): p for p in picture_files(folder, "segmentations")}
    missing = [p for p in images if number_of(p) not in by_number]
    if missing:
        raise UserError(f"{folder}: no segmentation of {missing[0].name}")
    masks = [by_number[number_of(p)] for p in images]
    looked = masks[:: max(1, len(masks) // 5)]
    return masks, bool(np.mean([(read_mask(p, "soft") > 127).mean() for p in looked]) > 0.5)


def _splits(root: Path, images: list[Path]) -> dict[str, list[int]]:
    """Those of {train,val,test}_split.txt."""
    at = {path.name: i for i, path in enumerate(images)}
    found = {}
    for name in ("train", "val", "test"):
        path = root / f"{name}_split.txt"
        if path.exists():
            words = [Path(word).name for word in text_of(path).split()]
            found[name] = [at[word] for word in words if word in at]
    return found if "train" in found else {}
