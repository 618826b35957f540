"""Where things lie in a capture folder."""

from __future__ import annotations

from pathlib import Path

MOTION = "motion.npz"
LANDMARKS = "landmarks.npz"

#: Name of the camera where there is one.
CAMERA = "main"

#: Where folders of schema version 1 keep the video and the plate of their one camera.
VIDEO_OF_VERSION_1 = "frames.mp4"
PLATE_OF_VERSION_1 = "background.png"


def image_path(root: Path, camera: str, frame: int, kind: str) -> Path:
    """Picture of one frame; ``kind`` is "jpg" or "png"."""
    return root / "images" / camera / f"{frame:06d}.{kind}"


def video_path(root: Path, camera: str) -> Path:
    """All pictures of a camera in one file."""
    return root / "videos" / f"{camera}.mp4"


def mask_path(root: Path, camera: str, frame: int) -> Path:
    """8-bit mask of one frame."""
    return root / "masks" / camera / f"{frame:06d}.png"


def plate_path(root: Path, camera: str) -> Path:
    """The empty scene as a camera sees it."""
    return root / "plates" / f"{camera}.png"
