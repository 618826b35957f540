"""People-Snapshot: a person who turns around before one camera."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.io import read_video
from avatar_kit.io.video import read_frames
from avatar_kit_datasets.config import PeopleSnapshotConfig
from avatar_kit_datasets.dataset import Recorded
from avatar_kit_datasets.files import Numbers, needed, npz, pickled
from avatar_kit_datasets.hdf5 import open_hdf5
from avatar_kit_datasets.pictures import (
    ComputedPictures,
    FilePictures,
    as_mask,
    paired,
    picture_files,
)
from avatar_kit_datasets.recording import (
    Poses,
    Recording,
    View,
    checked_angles,
    rotation,
    smpl_pose,
)

#: InstantAvatar takes every fourth frame; where its test frames begin.
_STEP = 4
_TEST_FROM = {
    "male-3-casual": 456,
    "male-4-casual": 660,
    "female-3-casual": 446,
    "female-4-casual": 335,
}
_FPS = 30.0
_FEATURE = "data set 'people_snapshot'"


class PeopleSnapshot(Recorded):
    """As published (``camera.pkl``, ``masks.hdf5``, video), or in the form of InstantAvatar."""

    config: PeopleSnapshotConfig
    title = "People-Snapshot"

    def read(self) -> Recording:
        """By which of the two forms' files are there."""
        root = self.config.path
        if (root / "cameras.npz").exists():
            return self._instant(root)
        if (root / "camera.pkl").exists():
            return self._published(root)
        raise UserError(
            f"{root}: is no subject of People-Snapshot: neither camera.pkl (as published) nor "
            "cameras.npz (InstantAvatar's form) is there"
        )

    def _published(self, root: Path) -> Recording:
        path = needed(root, f"{root.name}.mp4", *sorted(p.name for p in root.glob("*.mp4")))
        video, poses = read_video(path), needed(root, "reconstructed_poses.hdf5")
        with open_hdf5(poses, _FEATURE) as file:
            values = Numbers(poses, {key: file.array(key) for key in file.names()})
        pose = smpl_pose(values.array("pose", (None, 72)), f"{poses}: key 'pose'")
        transl = values.array("trans", (len(pose["global_orient"]), 3))
        masks = needed(root, "masks.hdf5")
        with open_hdf5(masks, _FEATURE) as file:
            count = file.count("masks")
        frames = min(len(transl), count, len(video))
        notes: tuple[str, ...] = ()
        if len({len(transl), count, len(video)}) > 1:
            notes = (
                f"{len(video)} frames of video, {count} masks, {len(transl)} poses: the first "
                f"{frames} are used",
            )

        def read_masks(_: str, wanted: Iterable[int]) -> Iterator[np.ndarray]:
            with open_hdf5(masks, _FEATURE) as file:
                for frame in wanted:
                    yield as_mask(file.array("masks", frame), str(masks))

        pictures = ComputedPictures(
            lambda _, wanted: read_frames(path, wanted),
            read_masks,
            (path, masks),
            random_access=False,
        )
        pose = {name: value[:frames] for name, value in pose.items()}
        betas = values.array("betas", (None,))
        found = Poses("smpl", betas, transl[:frames], pose)
        view = _published_camera(pickled(root / "camera.pkl"), (video.width, video.height))
        return Recording(root, root.name, video.fps, {"main": view}, found, pictures, notes=notes)

    def _instant(self, root: Path) -> Recording:
        camera = npz(root / "cameras.npz")
        outer = camera.array("extrinsic", (4, 4))
        width, height = int(camera.number("width")), int(camera.number("height"))
        view = View(camera.array("intrinsic", (3, 3)), outer[:3, :3], outer[:3, 3], width, height)
        images = picture_files(root / "images")
        masks = paired(images, picture_files(root / "masks", "masks"), root / "masks")
        asked = self.config.poses or ("anim_nerf" if root.name in _TEST_FROM else "poses")
        splits: dict[str, list[int]] = {}
        if asked == "anim_nerf" and (root / "poses" / "anim_nerf_train.npz").exists():
            poses, frames, splits = self._anim_nerf(root, len(images))
            fps = _FPS / _STEP
            note = "every 4th frame, train and test as in the papers; the split val is omitted"
        else:
            poses = _instant_poses(root / "poses.npz")
            frames, fps, note = list(range(len(images))), _FPS, "30 frames/s assumed"
            if len(poses.transl) != len(images):
                raise UserError(
                    f"{root / 'poses.npz'}: {len(poses.transl)} poses for {len(images)} pictures"
                )
        files = FilePictures(
            {"main": [images[i] for i in frames]}, {"main": [masks[i] for i in frames]}
        )
        clips = tuple((own[0], own[-1] + 1) for own in splits.values())
        return Recording(root, root.name, fps, {"main": view}, poses, files, splits, (note,), clips)

    def _anim_nerf(self, root: Path, images: int) -> tuple[Poses, list[int], dict[str, list[int]]]:
        """Poses that were refined on the frames of the papers' splits."""
        start = _TEST_FROM.get(root.name)
        if start is None:
            raise UserError(
                f"{root}: poses=anim_nerf needs one of the subjects {', '.join(_TEST_FROM)}, "
                "because the files do not state their frames; use poses=poses"
            )
        parts: list[Poses] = []
        frames: list[int] = []
        splits: dict[str, list[int]] = {}
        for name, first in (("train", 0), ("test", start)):
            part = _instant_poses(root / "poses" / f"anim_nerf_{name}.npz")
            count = len(part.transl)
            own = [first + _STEP * i for i in range(count)]
            if own[-1] >= images:
                raise UserError(
                    f"{root}: anim_nerf_{name}.npz has {count} poses, to frame {own[-1]}, but "
                    f"there are {images} pictures"
                )
            splits[name] = list(range(len(frames), len(frames) + count))
            frames += own
            parts.append(part)
        fields = {
            key: np.concatenate([part.fields[key] for part in parts]) for key in parts[0].fields
        }
        transl = np.concatenate([part.transl for part in parts])
        return Poses("smpl", parts[0].betas, transl, fields), frames, splits


def _instant_poses(path: Path) -> Poses:
    values = npz(path)
    what = f"{path}: key "
    if "thetas" in values:
        pose = smpl_pose(values.array("thetas", (None, 72)), f"{what}'thetas'")
    else:
        body = checked_angles(values.array("body_pose", (None, 69)), 69, f"{what}'body_pose'")
        orient = checked_angles(
            values.array("global_orient", (len(body), 3)), 3, f"{what}'global_orient'"
        )
        pose = {"global_orient": orient, "body_pose": body[:, :63]}
    transl = values.array("transl", (len(pose["global_orient"]), 3))
    betas = values.first_row("betas")
    return Poses("smpl", betas, transl, pose)


def _published_camera(values: Numbers, size: tuple[int, int]) -> View:
    f, c = values.array("camera_f", (2,)), values.array("camera_c", (2,))
    K = np.array([[f[0], 0, c[0]], [0, f[1], c[1]], [0, 0, 1.0]])
    R = rotation(values.array("camera_rt", (3,)))
    lens = tuple(values.array("camera_k", (None,))) if "camera_k" in values else ()
    width, height = int(values.number("width")), int(values.number("height"))
    if (width, height) != size:
        raise UserError(
            f"{values.path}: a camera of {width}x{height} pixels, but the video has "
            f"{size[0]}x{size[1]}"
        )
    return View(K, R, values.array("camera_t", (3,)), width, height, tuple(map(float, lens)))
