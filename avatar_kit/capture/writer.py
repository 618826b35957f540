"""Writing a capture folder, whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import numpy as np

from avatar_kit.capture import layout
from avatar_kit.capture.folder import Capture
from avatar_kit.capture.landmarks import check_landmarks, write_landmarks
from avatar_kit.capture.opening import open_capture
from avatar_kit.capture.record import RECORD, SCHEMA_VERSION, dump_record, parse_record
from avatar_kit.capture.split import Split
from avatar_kit.errors import UserError
from avatar_kit.io.atomic import atomic_path, temporary_sibling
from avatar_kit.io.image import encode_image, write_image
from avatar_kit.io.motion.arrays import checked
from avatar_kit.io.motion.native import save_motion
from avatar_kit.io.video_writer import VideoWriter
from avatar_kit.scene import Camera, Motion


class CaptureWriter:
    """Writes a capture frame by frame.

    A context manager. It writes to a hidden folder beside ``root``, which :meth:`finish` renames to
    ``root``. If you leave the block without :meth:`finish`, the folder is removed. Before
    :meth:`finish` you can put extra files, such as a quality sheet, into ``folder``.

    Args:
        root: Folder of the capture, which must not exist or must be empty.
        name: Short name for tables.
        fps: Frames per second.
        body: Registered name of the body model.
        shape: Shape values of the body by name.
        cameras: The camera of the full pictures, or name -> camera, the main one first. A batch of
            one, or of one per frame if the camera moves.
        images: Format of the pictures: JPEG (quality 95), PNG, or one H.264 video for each camera.
        distortion: Lens coefficients ``k1 k2 p1 p2 k3 k4 k5 k6`` of the camera, as in OpenCV and as
            many as are known, or name -> coefficients. Pictures, masks and plates must then have
            the distortion of the lens.
        frames: Name -> half-open range of the frames that a camera records, in whole clips. A
            camera that is not named records all. Together they record every frame.

    Raises:
        UserError: ``root`` is not empty or is a file, or ``distortion`` names a camera that does
            not exist.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        name: str,
        fps: float,
        body: str,
        shape: Mapping[str, float],
        cameras: Camera | Mapping[str, Camera],
        images: Literal["jpg", "png", "mp4"] = "jpg",
        distortion: Sequence[float] | Mapping[str, Sequence[float]] = (),
        frames: Mapping[str, tuple[int, int]] | None = None,
    ):
        self.root = Path(root)
        if self.root.is_file() or (self.root.is_dir() and any(self.root.iterdir())):
            raise UserError(f"{root}: the output folder is not empty; choose another or remove it")
        named = {layout.CAMERA: cameras} if isinstance(cameras, Camera) else dict(cameras)
        main = next(iter(named))
        lenses = distortion if isinstance(distortion, Mapping) else {main: distortion}
        if unknown := [name for name in lenses if name not in named]:
            raise UserError(
                f"{root}: distortion is given for the camera {unknown[0]!r}; there are "
                f"{', '.join(named)}"
            )
        self.folder = temporary_sibling(self.root.absolute())
        self._facts: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "name": name,
            "fps": float(fps),
            "images": images,
            "body": body,
            "shape": {key: float(value) for key, value in shape.items()},
            "cameras": [
                _describe(name, camera, lenses.get(name, ())) for name, camera in named.items()
            ],
        }
        self._sizes = {name: (camera.width, camera.height) for name, camera in named.items()}
        self._ranges = dict(frames or {})
        for about in self._facts["cameras"]:
            if about["name"] in self._ranges:
                about["frames"] = self._ranges[about["name"]]
        self._frames = {name: self._ranges.get(name, (0, 0))[0] for name in named}
        self._stack = ExitStack()
        self._videos: dict[str, VideoWriter] = {}

    def __enter__(self) -> CaptureWriter:
        for camera, size in self._sizes.items():
            (self.folder / "masks" / camera).mkdir(parents=True)
            if self._facts["images"] == "mp4":
                path = layout.video_path(self.folder, camera)
                path.parent.mkdir(exist_ok=True)
                video = VideoWriter(path, self._facts["fps"], size, crf=14)
                self._videos[camera] = self._stack.enter_context(video)
            else:
                (self.folder / "images" / camera).mkdir(parents=True)
        return self

    def __exit__(self, kind, error, trace) -> None:
        try:
            if kind is not None:
                self._stack.__exit__(kind, error, trace)
            self._stack.close()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, image: np.ndarray, mask: np.ndarray, camera: str | None = None) -> int:
        """Write the next frame of a camera.

        Args:
            image: [H, W, 3] uint8 RGB.
            mask: [H, W] uint8, how much each pixel is the person, 0 to 255.
            camera: Name of the camera; by default the main one.

        Returns:
            The frame's number.
        """
        name = camera or next(iter(self._sizes))
        width, height = self._sizes[name]
        frame, size = self._frames[name], (height, width)
        for what, array, shape in (("image", image, (*size, 3)), ("mask", mask, size)):
            if array.shape != shape or array.dtype != np.uint8:
                raise ValueError(
                    f"{what} of frame {frame} must be {shape} uint8, "
                    f"got {array.shape} {array.dtype}"
                )
        if name in self._videos:
            self._videos[name].write(image)
        else:
            path = layout.image_path(self.folder, name, frame, self._facts["images"])
            path.write_bytes(encode_image(image, path.suffix))
        path = layout.mask_path(self.folder, name, frame)
        path.write_bytes(encode_image(mask, path.suffix))
        self._frames[name] += 1
        return frame

    def finish(
        self,
        *,
        motion: Motion,
        splits: Mapping[str, Sequence[int] | Split],
        clips: Sequence[tuple[int, int]] | None = None,
        landmarks: Mapping[str, np.ndarray] | None = None,
        plates: np.ndarray | Mapping[str, np.ndarray] | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> Capture:
        """Write the rest, make the checks of a reader, and move the folder into place.

        Args:
            motion: [T] the tracked motion, as many frames as were added.
            splits: Split name -> frame numbers of all cameras, or a
                :class:`~avatar_kit.capture.Split`; no sample may be in two.
            clips: Half-open ranges contiguous in time that tile all frames; one clip by default.
            landmarks: Keys and shapes of ``LANDMARK_SHAPES``, pixels of the full, undistorted
                picture.
            plates: [H, W, 3] uint8 RGB, the empty scene; with several cameras name -> plate.
            provenance: Stage -> facts, anything JSON can hold.

        Raises:
            UserError: The arguments do not make a valid capture; no file is left behind.
        """
        self._stack.close()
        frames = self._counted()
        facts = self._facts | {
            "frames": frames,
            "splits": {name: _plain(split) for name, split in splits.items()},
            "clips": [list(c) for c in ([(0, frames)] if clips is None else clips)],
            "provenance": dict(provenance or {}),
        }
        record = parse_record(facts, self.root / RECORD)
        save_motion(self.folder / layout.MOTION, checked(motion, self.root / layout.MOTION))
        if landmarks is not None:
            arrays = {key: np.asarray(value) for key, value in landmarks.items()}
            check_landmarks(arrays, frames, self.root / layout.LANDMARKS)
            write_landmarks(self.folder / layout.LANDMARKS, arrays)
        if plates is not None:
            main = next(iter(self._sizes))
            named = {main: plates} if isinstance(plates, np.ndarray) else plates
            for name, plate in named.items():
                path = layout.plate_path(self.folder, name)
                path.parent.mkdir(exist_ok=True)
                write_image(path, plate)
        with atomic_path(self.folder / RECORD) as path:
            path.write_text(dump_record(record))
        open_capture(self.folder)
        if self.root.is_dir():
            self.root.rmdir()
        os.replace(self.folder, self.root)
        return open_capture(self.root)

    def _counted(self) -> int:
        """The number of frames.

        Raises:
            UserError: A camera did not record what it was to record, or a frame has no picture.
        """
        frames = max(self._frames.values())
        seen: set[int] = set()
        for name, end in self._frames.items():
            first, last = self._ranges.get(name, (0, frames))
            if end != last:
                raise UserError(
                    f"{self.root}: camera '{name}' has {end - first} frames, expected "
                    f"{last - first}; every camera must see every frame, or say which"
                )
            seen.update(range(first, last))
        if len(seen) != frames:
            raise UserError(f"{self.root}: frame {min(set(range(frames)) - seen)} has no picture")
        return frames


def _describe(name: str, camera: Camera, lens: Sequence[float]) -> dict[str, Any]:
    """A camera as ``capture.json`` says it."""
    about = {"name": name, "width": camera.width, "height": camera.height}
    for key in ("K", "R", "t"):
        values = getattr(camera, key).double()
        still = bool((values == values[:1]).all())
        about[key] = (values[0] if still else values).tolist()
    about["distortion"] = [float(value) for value in lens]
    return about


def _plain(split: Sequence[int] | Split) -> dict[str, Any]:
    if isinstance(split, Split):
        return {"frames": split.frames, "cameras": split.cameras}
    return {"frames": sorted(int(frame) for frame in split)}
