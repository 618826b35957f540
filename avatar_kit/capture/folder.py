"""Reading a capture folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from avatar_kit.capture import layout
from avatar_kit.capture.landmarks import check_landmarks
from avatar_kit.capture.record import RECORD, CaptureRecord, read_record
from avatar_kit.errors import UserError
from avatar_kit.io.image import read_image
from avatar_kit.io.motion.arrays import checked, read_npz
from avatar_kit.io.motion.native import from_native
from avatar_kit.io.video import read_frames, read_video
from avatar_kit.scene import Camera, Motion


@dataclass(frozen=True)
class Capture:
    """One person, recorded by one static camera: a validated, read-only view of a folder.

    Made by :func:`open_capture` and :class:`~avatar_kit.capture.CaptureWriter`.

    Attributes:
        root: The folder.
        record: The content of ``capture.json``.
        motion: [T] the tracked motion, what a method trains on.
    """

    root: Path
    record: CaptureRecord
    motion: Motion

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
    def width(self) -> int:
        """Width of the pictures in pixels."""
        return self.record.width

    @property
    def height(self) -> int:
        """Height of the pictures in pixels."""
        return self.record.height

    @property
    def body(self) -> str:
        """Registered name of the body model that ``shape`` refers to."""
        return self.record.body

    @property
    def shape(self) -> dict[str, float]:
        """Shape values of the body by name."""
        return dict(self.record.shape)

    @property
    def camera(self) -> Camera:
        """The static camera of the full pictures (a batch of one)."""
        record = self.record.cameras[0]
        K, R, t = (torch.tensor(v, dtype=torch.float32) for v in (record.K, record.R, record.t))
        return Camera(K, R, t, self.width, self.height)

    @property
    def splits(self) -> dict[str, tuple[int, ...]]:
        """Split name -> sorted frame numbers; disjoint."""
        return {name: tuple(sorted(frames)) for name, frames in self.record.splits.items()}

    @property
    def clips(self) -> tuple[tuple[int, int], ...]:
        """Half-open ranges of frames that are contiguous in time; together they are all frames."""
        return self.record.clips

    @property
    def provenance(self) -> dict[str, Any]:
        """Stage -> what is known of it."""
        return dict(self.record.provenance)

    @property
    def background(self) -> Path | None:
        """The empty plate, if it is known."""
        path = self.root / layout.BACKGROUND
        return path if path.exists() else None

    def images(self, frames: Iterable[int] | None = None) -> Iterator[np.ndarray]:
        """Pictures [H, W, 3] uint8 RGB of the given frames (all by default), read lazily.

        Rising frame numbers are fast for a video; others make it start again.
        """
        wanted = range(len(self)) if frames is None else frames
        if self.record.images == "mp4":
            video = read_frames(self.root / layout.VIDEO, wanted)
            return (image[: self.height, : self.width] for image in video)  # H.264 is even-sized
        camera, kind = self.record.cameras[0].name, self.record.images
        return (read_image(layout.image_path(self.root, camera, i, kind)) for i in wanted)

    def masks(self, frames: Iterable[int] | None = None) -> Iterator[np.ndarray]:
        """Alpha [H, W] uint8 of the given frames (all by default), read lazily."""
        camera = self.record.cameras[0].name
        wanted = range(len(self)) if frames is None else frames
        return (read_image(layout.mask_path(self.root, camera, i), mode="L") for i in wanted)

    def landmarks(self) -> dict[str, np.ndarray] | None:
        """What the tracker saw, or None: keys and shapes of ``LANDMARK_SHAPES``, in pixels.

        Raises:
            UserError: The file does not hold what is expected.
        """
        path = self.root / layout.LANDMARKS
        if not path.exists():
            return None
        landmarks = read_npz(path)
        check_landmarks(landmarks, len(self), path)
        return landmarks

    def neighbours(self, split: str) -> dict[int, tuple[int, int]]:
        """Frame -> (t-1, t+1) inside the same clip and the same split; itself at the edges."""
        members = set(self.splits[split])
        found = {}
        for first, end in self.clips:
            inside = members.intersection(range(first, end))
            for frame in sorted(inside):
                before = frame - 1 if frame - 1 in inside else frame
                after = frame + 1 if frame + 1 in inside else frame
                found[frame] = (before, after)
        return found

    def runs(self, split: str) -> list[tuple[int, int]]:
        """Half-open ranges of frames of a split that are contiguous in time, in order."""
        after = {frame: pair[1] for frame, pair in self.neighbours(split).items()}
        ends = [frame + 1 for frame in sorted(after) if after[frame] == frame]
        firsts = [frame for frame in sorted(after) if after.get(frame - 1) != frame]
        return list(zip(firsts, ends, strict=True))

    def key(self) -> str:
        """A digest of the content for caches: record, motion, and every file's size and time."""
        digest = hashlib.sha256((self.root / RECORD).read_bytes())
        digest.update((self.root / layout.MOTION).read_bytes())
        for path in self._pictures():
            stat = path.stat()
            name = path.relative_to(self.root).as_posix()
            digest.update(f"{name}:{stat.st_size}:{stat.st_mtime_ns}\n".encode())
        return digest.hexdigest()[:32]

    def _pictures(self) -> Iterator[Path]:
        camera, kind = self.record.cameras[0].name, self.record.images
        if kind == "mp4":
            yield self.root / layout.VIDEO
        for frame in range(len(self)):
            if kind != "mp4":
                yield layout.image_path(self.root, camera, frame, kind)
            yield layout.mask_path(self.root, camera, frame)


def open_capture(path: str | Path) -> Capture:
    """Open a capture folder and check it.

    Raises:
        UserError: A file is missing, the record is not as expected (see
            :func:`~avatar_kit.capture.record.read_record`), a pose is not finite (names the
            frame), or sizes or lengths disagree.
    """
    root = Path(path)
    if not root.is_dir():
        raise UserError(f"{root}: no such capture folder")
    record = read_record(root)
    capture = Capture(root, record, _read_motion(root, record))
    _check_pictures(capture)
    return capture


def _read_motion(root: Path, record: CaptureRecord) -> Motion:
    path = root / layout.MOTION
    motion = checked(from_native(read_npz(path), path), path)
    if len(motion) != record.frames:
        raise UserError(
            f"{path}: {len(motion)} frames, but {RECORD} says {record.frames}; "
            "prepare the capture again"
        )
    if abs(motion.fps - record.fps) > 1e-3:
        raise UserError(f"{path}: fps {motion.fps:g}, but {RECORD} says {record.fps:g}")
    return motion


def _check_pictures(capture: Capture) -> None:
    """Every picture and mask is there and has the size the record says (headers only)."""
    size = (capture.width, capture.height)
    paths = list(capture._pictures())
    if capture.background:
        paths.append(capture.background)
    for path in paths:
        if not path.exists():
            kind = "mask" if "masks" in path.relative_to(capture.root).parts else "picture"
            raise UserError(f"{path}: missing {kind}; prepare the capture again or restore it")
        if path.suffix == ".mp4":
            _check_video(path, capture)
            continue
        try:
            with Image.open(path) as image:
                found = image.size
        except OSError as error:
            raise UserError(f"{path}: cannot be read as a picture ({error})") from None
        if found != size:
            raise UserError(
                f"{path}: {found[0]}x{found[1]} pixels, but {RECORD} says {size[0]}x{size[1]}"
            )


def _check_video(path: Path, capture: Capture) -> None:
    video = read_video(path)
    even = (capture.width + capture.width % 2, capture.height + capture.height % 2)
    if (video.width, video.height) != even or len(video) != len(capture):
        raise UserError(
            f"{path}: {len(video)} frames of {video.width}x{video.height} pixels, but {RECORD} "
            f"says {len(capture)} of {capture.width}x{capture.height}"
        )
