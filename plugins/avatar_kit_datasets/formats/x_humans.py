"""X-Humans: scans of a person, drawn by one virtual camera that circles around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.io import read_image
from avatar_kit.io.image import opened_image
from avatar_kit.io.motion.arrays import read_npy
from avatar_kit_datasets.config import XHumansConfig
from avatar_kit_datasets.dataset import Recorded
from avatar_kit_datasets.files import needed, npz, pickled
from avatar_kit_datasets.pictures import (
    ComputedPictures,
    FilePictures,
    paired,
    picture_files,
    size_of,
)
from avatar_kit_datasets.recording import MEAN_HAND, Poses, Recording, View, checked_angles

_FPS = 30.0
_WIDTHS = {
    "global_orient": 3,
    "body_pose": 63,
    "jaw_pose": 3,
    "leye_pose": 3,
    "reye_pose": 3,
    "left_hand_pose": 45,
    "right_hand_pose": 45,
}


class XHumans(Recorded):
    """A sequence: ``render/`` (pictures, depth, cameras) and ``SMPLX/``; betas of the subject."""

    config: XHumansConfig
    title = "X-Humans"

    def read(self) -> Recording:
        """The pictures in their order, each with a camera, a depth and parameters of its own."""
        root = self.config.path
        rendered = root / "render"
        images = picture_files(rendered / "image")
        files = _parameter_files(root / "SMPLX")
        R, t, K = _cameras(needed(root, "render/cameras.npz", "cameras.npz"))
        for name, found in {"SMPLX": len(files), "cameras.npz": len(R)}.items():
            if found != len(images):
                raise UserError(
                    f"{root}: {name} has {found} frames, but there are {len(images)} pictures"
                )
        view = View(K, R, t, *size_of(images[0]))
        betas, notes = self._betas_of_subject(files[0])
        name = f"{root.parent.parent.name}-{root.name}"
        pictures, masks = _pictures(images, rendered)
        notes = (
            "30 frames/s assumed",
            masks,
            MEAN_HAND,
            "expression coefficients are ignored",
            *notes,
        )
        return Recording(
            root, name, _FPS, {"main": view}, _poses(files, betas), pictures, notes=notes
        )

    def _betas_of_subject(self, first: Path) -> tuple[np.ndarray, tuple[str, ...]]:
        """Those of the subject's folder, two above the sequence; else of the first frame."""
        path = self.config.path.resolve().parent.parent / "mean_shape_smplx.npy"
        if path.exists():
            return read_npy(path).astype(float).reshape(-1), ()
        note = f"{path.name} is not there: betas of the first frame"
        return pickled(first).first_row("betas"), (note,)


def _cameras(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rotations [T, 3, 3], translations [T, 3] world-to-camera, and intrinsics [3, 3]."""
    values = npz(path)
    outer = values.array("extrinsic", (None, 4, 4))
    return outer[:, :3, :3], outer[:, :3, 3], values.array("intrinsic", (3, 3))


def _parameter_files(folder: Path) -> list[Path]:
    """``mesh-f00001_smplx.pkl`` and the like, in their order."""
    found = sorted(folder.glob("*_smplx.pkl")) if folder.is_dir() else []
    if not found:
        raise UserError(f"{folder}: holds no parameters (mesh-f00001_smplx.pkl ...)")
    return found


def _poses(files: Sequence[Path], betas: np.ndarray) -> Poses:
    rows = [pickled(path) for path in files]
    fields = {}
    for key, width in _WIDTHS.items():
        own = np.stack([row.array(key, (width,)) for row in rows])
        fields[key] = checked_angles(own, width, f"{files[0].parent}: key '{key}'")
    transl = np.stack([row.array("transl", (3,)) for row in rows])
    return Poses("smplx", betas, transl, fields, mean_hand=True)


def _pictures(images: list[Path], rendered: Path) -> tuple[FilePictures | ComputedPictures, str]:
    """Pictures with their masks, and what the masks are."""
    if (rendered / "mask").is_dir():
        masks = paired(images, picture_files(rendered / "mask", "masks"), rendered / "mask")
        return FilePictures({"main": images}, {"main": masks}), "masks of the files"
    depths = paired(images, picture_files(rendered / "depth", "depth pictures"), rendered / "depth")
    computed = ComputedPictures(
        lambda _, frames: (read_image(images[frame]) for frame in frames),
        lambda _, frames: _masks(depths, frames),
        [*images, *depths],
    )
    return computed, "masks are where the depth is nearer than its furthest"


def _masks(depths: Sequence[Path], frames: Iterable[int]) -> Iterator[np.ndarray]:
    """[H, W] uint8: nothing is behind the person, so the background is what is furthest."""
    for frame in frames:
        with opened_image(depths[frame]) as picture:
            depth = np.asarray(picture, np.float64)
        if depth.ndim != 2 or not np.isfinite(depth).any():
            raise UserError(f"{depths[frame]}: is no depth, expected one number for each pixel")
        yield np.where(depth < np.nanmax(depth), 255, 0).astype(np.uint8)
