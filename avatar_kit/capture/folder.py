"""A capture: one person, recorded."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from avatar_kit.capture import layout
from avatar_kit.capture.landmarks import check_landmarks
from avatar_kit.capture.pictures import Pictures
from avatar_kit.capture.record import CameraRecord, CaptureRecord, dump_record
from avatar_kit.capture.split import Split, split_of
from avatar_kit.errors import UserError
from avatar_kit.io.digest import file_digests
from avatar_kit.io.distortion import Undistortion
from avatar_kit.io.documents import check_regular
from avatar_kit.io.motion.arrays import read_npz
from avatar_kit.scene import Camera, Motion
from avatar_kit.scene.motion import FIELDS

#: What of a split the training has not seen.
Novelty = Literal["novel pose", "novel view", "novel view and pose", "mixed"]


@dataclass(frozen=True)
class Capture:
    """One person, recorded by one or several cameras: validated and read-only.

    Made by :func:`open_capture`, by :class:`~avatar_kit.capture.CaptureWriter`, or by a dataset
    that reads another format with its own :class:`~avatar_kit.capture.Pictures`.

    Attributes:
        root: The folder.
        record: The content of ``capture.json``.
        motion: [T] the tracked motion that methods train on.
        pictures: Where the pictures come from.
    """

    root: Path
    record: CaptureRecord
    motion: Motion
    pictures: Pictures

    def __len__(self) -> int:
        return self.record.frames

    @property
    def name(self) -> str:
        """Short name for tables."""
        return self.record.name

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self.record.fps

    @property
    def body(self) -> str:
        """Registered name of the body model that ``shape`` refers to."""
        return self.record.body

    @property
    def shape(self) -> dict[str, float]:
        """Shape values of the body by name."""
        return dict(self.record.shape)

    @functools.cached_property
    def cameras(self) -> dict[str, Camera]:
        """Name -> camera of the full, undistorted pictures, the main camera first.

        Each is a batch of one, or of one per frame if the camera moves.
        """
        return {about.name: _camera(about) for about in self.record.cameras}

    @property
    def camera(self) -> Camera:
        """The main camera."""
        return next(iter(self.cameras.values()))

    def frames_of(self, camera: str) -> range:
        """The frames that a camera recorded. Default: all."""
        about = next(about for about in self.record.cameras if about.name == camera)
        return about.recorded(len(self))

    @property
    def splits(self) -> dict[str, Split]:
        """Split name -> its frames and cameras; no sample is in two splits.

        At least one of the cameras recorded each frame, and each camera recorded at least one.
        """
        recorded = {name: self.frames_of(name) for name in self.cameras}
        return {n: split_of(s, recorded, len(self)) for n, s in self.record.splits.items()}

    @property
    def clips(self) -> tuple[tuple[int, int], ...]:
        """Half-open ranges of frames that are contiguous in time; together they are all frames."""
        return self.record.clips

    @property
    def tracked(self) -> bool:
        """Whether a tracker found the motion in the pictures."""
        return "tracker" in self.record.provenance

    @property
    def provenance(self) -> dict[str, Any]:
        """Stage -> what is known about it."""
        return dict(self.record.provenance)

    def images(
        self, frames: Iterable[int] | None = None, camera: str | None = None
    ) -> Iterator[np.ndarray]:
        """Pictures [H, W, 3] uint8 RGB, undistorted, read lazily.

        Args:
            frames: Frame numbers; all that the camera recorded by default.
            camera: Name of the camera; by default the main one.
        """
        name, wanted = self._asked(frames, camera)
        found = self.pictures.images(name, wanted)
        lens = self._lens(name)
        return found if lens is None else (lens(image) for image in found)

    def masks(
        self, frames: Iterable[int] | None = None, camera: str | None = None
    ) -> Iterator[np.ndarray]:
        """Masks of the person [H, W] uint8, undistorted, read lazily; as :meth:`images`."""
        name, wanted = self._asked(frames, camera)
        found = self.pictures.masks(name, wanted)
        lens = self._lens(name)
        return found if lens is None else (lens(mask, outside="zeros") for mask in found)

    def plate(self, camera: str | None = None) -> np.ndarray | None:
        """[H, W, 3] uint8 RGB, undistorted: the empty scene; None if it is not known."""
        name, _ = self._asked(None, camera)
        found, lens = self.pictures.plate(name), self._lens(name)
        return found if found is None or lens is None else lens(found)

    def landmarks(self) -> dict[str, np.ndarray] | None:
        """The tracked landmarks of the first camera that recorded a frame, or None.

        Keys and shapes of ``LANDMARK_SHAPES``, in pixels of the undistorted picture.

        Raises:
            UserError: The file does not contain what is expected.
        """
        path = self.root / layout.LANDMARKS
        if not path.exists():
            return None
        check_regular(path, "file of landmarks")
        landmarks = dict(read_npz(path))
        check_landmarks(landmarks, len(self), path)
        return landmarks

    def neighbours(self, split: str) -> dict[int, tuple[int, int]]:
        """Frame -> (t-1, t+1) inside the same clip and the same split; itself at the edges."""
        members = set(self.splits[split].frames)
        found = {}
        for first, end in self.clips:
            inside = members.intersection(range(first, end))
            for frame in sorted(inside):
                before = frame - 1 if frame - 1 in inside else frame
                after = frame + 1 if frame + 1 in inside else frame
                found[frame] = (before, after)
        return found

    def clips_of(self, split: str) -> list[tuple[int, int]]:
        """Half-open ranges of frames of a split that are contiguous in time, in order."""
        after = {frame: pair[1] for frame, pair in self.neighbours(split).items()}
        ends = [frame + 1 for frame in sorted(after) if after[frame] == frame]
        firsts = [frame for frame in sorted(after) if after.get(frame - 1) != frame]
        return list(zip(firsts, ends, strict=True))

    def seen_by(self, cameras: Sequence[str]) -> Capture:
        """The capture with only some of its cameras.

        Splits that none of these cameras recorded are removed.

        Raises:
            UserError: There is no such camera.
        """
        known = list(self.cameras)
        for name in cameras:
            if name not in known:
                raise UserError(
                    f"{self.root}: there is no camera '{name}'; known: {', '.join(known)}"
                )
        splits = {}
        for name, split in self.splits.items():
            if left := [camera for camera in split.cameras if camera in cameras]:
                splits[name] = {"frames": split.frames, "cameras": left}
        chosen = [about for about in self.record.cameras if about.name in cameras]
        return self._recorded(cameras=chosen, splits=splits)

    def with_splits(self, splits: Mapping[str, Split]) -> Capture:
        """The same recording with other splits.

        Raises:
            ValueError: A frame or a camera does not exist, or a sample would be in two splits.
        """
        plain = {n: {"frames": s.frames, "cameras": s.cameras} for n, s in splits.items()}
        return self._recorded(splits=plain)

    def _recorded(self, **facts: Any) -> Capture:
        """The capture with other facts in its record."""
        record = CaptureRecord.model_validate(self.record.model_dump() | facts)
        return replace(self, record=record)

    def novelty(self, split: str) -> Novelty:
        """What in a split was not in training.

        "novel pose": the frames were not in training, the cameras were. "novel view": the frames
        were in training, the cameras were not. "mixed": this is true only of a part of the split.
        """
        train, asked = self.splits["train"], self.splits[split]
        frames, cameras = (
            {name in known for name in names}
            for names, known in ((asked.frames, train.frames), (asked.cameras, train.cameras))
        )
        if len(frames) > 1 or len(cameras) > 1:
            return "mixed"
        if cameras == {True}:
            return "novel pose"
        return "novel view" if frames == {True} else "novel view and pose"

    def key(self) -> str:
        """A digest of the content, independent of its folder: record, motion, and every file."""
        digest = hashlib.sha256(dump_record(self.record).encode())
        for name in FIELDS:
            digest.update(getattr(self.motion, name).numpy().tobytes())
        files = list(dict.fromkeys(self.pictures.files()))
        for path, content in zip(files, file_digests(self.root, files), strict=True):
            inside = path.is_relative_to(self.root)
            place = path.relative_to(self.root).as_posix() if inside else path.name
            digest.update(f"{place}:{content}\n".encode())
        return digest.hexdigest()[:32]

    def _asked(self, frames: Iterable[int] | None, camera: str | None) -> tuple[str, Iterable[int]]:
        name = camera or self.record.cameras[0].name
        return name, self.frames_of(name) if frames is None else frames

    def _lens(self, camera: str) -> Undistortion | None:
        about = next(c for c in self.record.cameras if c.name == camera)
        return _undistortion(about) if any(about.distortion) else None


def _camera(about: CameraRecord) -> Camera:
    """The pinhole camera of a record."""
    K, R, t = (torch.tensor(v, dtype=torch.float32) for v in (about.K, about.R, about.t))
    K, R, t = (v if v.ndim == n else v[None] for v, n in ((K, 3), (R, 3), (t, 2)))
    count = max(len(K), len(R), len(t))
    K, R, t = (v.expand(count, *v.shape[1:]) for v in (K, R, t))
    return Camera(K, R, t, about.width, about.height)


@functools.lru_cache(maxsize=64)
def _undistortion(about: CameraRecord) -> Undistortion:
    return Undistortion(_camera(about).K[0], about.distortion, about.width, about.height)
