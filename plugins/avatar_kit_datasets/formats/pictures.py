"""The plain form: pictures, masks, a motion file and a camera."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from avatar_kit.capture.record import CameraRecord
from avatar_kit.errors import UserError, shown
from avatar_kit.io import load_motion
from avatar_kit.io.documents import validated
from avatar_kit_datasets.config import PicturesConfig
from avatar_kit_datasets.dataset import Recorded
from avatar_kit_datasets.files import from_json
from avatar_kit_datasets.names import KINDS
from avatar_kit_datasets.pictures import FilePictures, paired, picture_files, size_of
from avatar_kit_datasets.recording import Recording, View


class PlainPictures(Recorded):
    """A folder of pictures, or one for each camera, with masks, a motion and the camera."""

    config: PicturesConfig
    title = "pictures"

    def read(self) -> Recording:
        """As named, or as found beside the pictures."""
        root, config = self.config.path, self.config
        folders = _folders(root)
        masks_at = config.masks or root.parent / "masks"
        images = {name: picture_files(folder) for name, folder in folders.items()}
        masks = {}
        for name, own in images.items():
            folder = masks_at if folders[name] == root else masks_at / name
            masks[name] = paired(own, picture_files(folder, "masks"), folder)
        counts = {name: len(own) for name, own in images.items()}
        if len(set(counts.values())) > 1:
            raise UserError(f"{root}: cameras differ in the number of pictures: {counts}")
        path = config.motion or root.parent / "motion.npz"
        motion = load_motion(path, up="y")
        count = next(iter(counts.values()))
        if len(motion) != count:
            raise UserError(f"{path}: {len(motion)} frames for {count} pictures of {root}")
        sizes = {name: size_of(own[0]) for name, own in images.items()}
        return Recording(
            root,
            root.parent.name if root.name == "images" else root.name,
            motion.fps,
            views_of(sizes, root, config.camera or root.parent / "cameras.json", config.fov),
            motion,
            FilePictures(images, masks),
        )


def views_of(
    sizes: dict[str, tuple[int, int]], root: Path, file: Path, fov: float | None
) -> dict[str, View]:
    """Cameras as a file of them says, or one that looks along z with y down.

    Args:
        sizes: Camera -> width and height of its pictures.
        root: Where the pictures are, for messages.
        file: JSON of cameras, as capture.json has them.
        fov: Vertical field of view in degrees of the one camera; None: as the file says.

    Raises:
        UserError: The file is missing or of other cameras, or one field of view is for several.
    """
    if fov is not None:
        if len(sizes) > 1:
            raise UserError(f"{root}: fov is of one camera, but there are {len(sizes)}")
        name, (width, height) = next(iter(sizes.items()))
        focal = height / 2 / math.tan(math.radians(fov) / 2)
        K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
        return {name: View(K, np.eye(3), np.zeros(3), width, height)}
    if not file.exists():
        raise UserError(
            f"{file}: no such file; name the cameras with camera=FILE (a list of cameras as "
            "capture.json has them), or give fov=DEGREES for a motion in the camera's axes"
        )
    known = _records(file)
    found = {}
    for name, size in sizes.items():
        if name not in known:
            raise UserError(f"{file}: there is no camera '{name}'; known: {', '.join(known)}")
        view = known[name]
        if size != (view.width, view.height):
            raise UserError(
                f"{file}: camera '{name}' is of {view.width}x{view.height} pixels, its "
                f"pictures are {size[0]}x{size[1]}"
            )
        found[name] = view
    return found


def _folders(root: Path) -> dict[str, Path]:
    """Camera -> folder of its pictures."""
    if not root.is_dir():
        raise UserError(f"{root}: no such folder of pictures")
    if any(p.suffix.lower() in KINDS for p in root.iterdir()):
        return {"main": root}
    below = {p.name: p for p in sorted(root.iterdir()) if p.is_dir()}
    if not below:
        raise UserError(f"{root}: holds neither pictures nor folders of them")
    return below


def _records(path: Path) -> dict[str, View]:
    data = from_json(path)
    rows = data.get("cameras", [data]) if isinstance(data, dict) else data
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UserError(f"{path}: is no list of cameras, but {shown(rows)}")
    found = {}
    for i, row in enumerate(rows):
        about = validated(CameraRecord, {"name": "main", **row}, f"{path}: camera {i}")
        K, R, t = (np.asarray(value, float) for value in (about.K, about.R, about.t))
        found[about.name] = View(K, R, t, about.width, about.height, about.distortion)
    return found
