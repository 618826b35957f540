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
from avatar_kit.capture.folder import Capture, open_capture
from avatar_kit.capture.landmarks import check_landmarks, write_landmarks
from avatar_kit.capture.record import RECORD, SCHEMA_VERSION, dump_record, parse_record
from avatar_kit.errors import UserError
from avatar_kit.io.atomic import atomic_path, temporary_sibling
from avatar_kit.io.image import encode_image, write_image
from avatar_kit.io.motion.arrays import checked
from avatar_kit.io.motion.native import save_motion
from avatar_kit.io.video_writer import VideoWriter
from avatar_kit.scene import Camera, Motion


class CaptureWriter:
    """Writes a capture frame by frame.

    A context manager. Everything goes to a hidden folder beside ``root``, which takes its place in
    :meth:`finish`; leaving the block without that removes it. Extra files, such as a quality
    sheet, may be put into ``folder`` before :meth:`finish`.

    Args:
        root: Where the capture shall be: a folder that does not exist or is empty.
        name: Short name for tables.
        fps: Frames per second.
        width: Width of the pictures in pixels.
        height: Height of the pictures in pixels.
        body: Registered name of the body model.
        shape: Shape values of the body by name.
        camera: The static camera (a batch of one) of the full pictures.
        images: How to keep pictures: JPEG (quality 95), PNG, or one H.264 video.

    Raises:
        UserError: ``root`` is not empty or is a file.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        name: str,
        fps: float,
        width: int,
        height: int,
        body: str,
        shape: Mapping[str, float],
        camera: Camera,
        images: Literal["jpg", "png", "mp4"] = "jpg",
    ):
        self.root = Path(root)
        if self.root.is_file() or (self.root.is_dir() and any(self.root.iterdir())):
            raise UserError(f"{root}: the output folder is not empty; choose another or remove it")
        if len(camera) != 1 or (camera.width, camera.height) != (width, height):
            raise ValueError("the camera must be a batch of one of the capture's size")
        self.folder = temporary_sibling(self.root.absolute())
        self._facts: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "name": name,
            "fps": float(fps),
            "width": int(width),
            "height": int(height),
            "images": images,
            "body": body,
            "shape": {key: float(value) for key, value in shape.items()},
            "cameras": [
                {"name": layout.CAMERA}
                | {key: getattr(camera, key)[0].double().tolist() for key in ("K", "R", "t")}
            ],
        }
        self._frames = 0
        self._stack = ExitStack()
        self._video: VideoWriter | None = None

    def __enter__(self) -> CaptureWriter:
        for kind in ("images", "masks"):
            (self.folder / kind / layout.CAMERA).mkdir(parents=True)
        if self._facts["images"] == "mp4":
            shutil.rmtree(self.folder / "images")
            size = (self._facts["width"], self._facts["height"])
            video = VideoWriter(self.folder / layout.VIDEO, self._facts["fps"], size, crf=14)
            self._video = self._stack.enter_context(video)
        return self

    def __exit__(self, kind, error, trace) -> None:
        try:
            if kind is not None:
                self._stack.__exit__(kind, error, trace)
            self._stack.close()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, image: np.ndarray, mask: np.ndarray) -> int:
        """Write the next frame.

        Args:
            image: [H, W, 3] uint8 RGB.
            mask: [H, W] uint8 alpha, 0 to 255.

        Returns:
            The frame's number.
        """
        size = (self._facts["height"], self._facts["width"])
        for what, array, shape in (("image", image, (*size, 3)), ("mask", mask, size)):
            if array.shape != shape or array.dtype != np.uint8:
                raise ValueError(
                    f"{what} of frame {self._frames} must be {shape} uint8, "
                    f"got {array.shape} {array.dtype}"
                )
        if self._video is not None:
            self._video.write(image)
        else:
            kind = self._facts["images"]
            path = layout.image_path(self.folder, layout.CAMERA, self._frames, kind)
            path.write_bytes(encode_image(image, path.suffix))
        path = layout.mask_path(self.folder, layout.CAMERA, self._frames)
        path.write_bytes(encode_image(mask, path.suffix))
        self._frames += 1
        return self._frames - 1

    def finish(
        self,
        *,
        motion: Motion,
        splits: Mapping[str, Sequence[int]],
        clips: Sequence[tuple[int, int]] | None = None,
        landmarks: Mapping[str, np.ndarray] | None = None,
        background: np.ndarray | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> Capture:
        """Write the rest, check everything as a reader would, and move the folder into place.

        Args:
            motion: [T] the tracked motion, as many frames as were added.
            splits: Split name -> frame numbers; disjoint.
            clips: Half-open ranges contiguous in time that tile all frames; one clip by default.
            landmarks: Keys and shapes of ``LANDMARK_SHAPES``, pixels of the full picture.
            background: [H, W, 3] uint8 RGB, the empty plate.
            provenance: Stage -> facts, anything JSON can hold.

        Raises:
            UserError: What was given does not make a valid capture; nothing is left behind.
        """
        self._stack.close()
        facts = self._facts | {
            "frames": self._frames,
            "splits": {name: sorted(int(i) for i in v) for name, v in splits.items()},
            "clips": [list(c) for c in ([(0, self._frames)] if clips is None else clips)],
            "provenance": dict(provenance or {}),
        }
        record = parse_record(facts, self.root / RECORD)
        save_motion(self.folder / layout.MOTION, checked(motion, self.root / layout.MOTION))
        if landmarks is not None:
            arrays = {key: np.asarray(value) for key, value in landmarks.items()}
            check_landmarks(arrays, self._frames, self.root / layout.LANDMARKS)
            write_landmarks(self.folder / layout.LANDMARKS, arrays)
        if background is not None:
            write_image(self.folder / layout.BACKGROUND, background)
        with atomic_path(self.folder / RECORD) as path:
            path.write_text(dump_record(record))
        open_capture(self.folder)
        if self.root.is_dir():
            self.root.rmdir()
        os.replace(self.folder, self.root)
        return open_capture(self.root)
