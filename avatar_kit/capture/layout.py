"""Where things lie in a capture folder."""

from __future__ import annotations

from pathlib import Path

VIDEO = "frames.mp4"
MOTION = "motion.npz"
LANDMARKS = "landmarks.npz"
BACKGROUND = "background.png"
CAMERA = "main"


def image_path(root: Path, camera: str, frame: int, kind: str) -> Path:
    """Picture of one frame; ``kind`` is "jpg" or "png"."""
    return root / "images" / camera / f"{frame:06d}.{kind}"


def mask_path(root: Path, camera: str, frame: int) -> Path:
    """8-bit alpha of one frame."""
    return root / "masks" / camera / f"{frame:06d}.png"
