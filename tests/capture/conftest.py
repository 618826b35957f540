"""A small capture that any test can make: a blob that walks over a gradient."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from avatar_kit.capture import Capture, CaptureWriter
from avatar_kit.scene import Camera, Motion


def frame(i: int, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Picture and mask: the person is 16 pixels wide, half the picture high, centred at 20 + i."""
    y, x = np.mgrid[:height, :width]
    image = np.stack([x * 255 // width, y * 255 // height, np.full_like(x, 40)], axis=2)
    inside = (np.abs(x + 0.5 - (20 + i)) < 8) & (np.abs(y + 0.5 - height / 2) < height / 4)
    image[inside] = (250, 250, 10 * (i % 20))
    return image.astype(np.uint8), (inside * 255).astype(np.uint8)


def facts(width: int = 64, height: int = 48, images: str = "png") -> dict:
    camera = Camera.look_at((0, 1, 3), (0, 1, 0), width=width, height=height, fov_y=40)
    return {
        "name": "walker",
        "fps": 30.0,
        "body": "anny",
        "shape": {"height": 0.6},
        "cameras": camera,
        "images": images,
    }


def landmarks(frames: int) -> dict[str, np.ndarray]:
    return {
        "body": np.ones((frames, 23, 2)),
        "body_confidence": np.ones((frames, 23)),
        "hands": np.ones((frames, 2, 21, 2)),
        "hands_confidence": np.ones((frames, 2)),
        "face": np.ones((frames, 5, 2)),
        "face_confidence": np.ones(frames),
    }


def write_capture(
    root: Path, frames: int = 12, width: int = 64, height: int = 48, images: str = "png", **finish
) -> Capture:
    """A capture of ``frames`` frames; ``finish`` replaces what is given to the writer last."""
    with CaptureWriter(root, **facts(width, height, images)) as writer:
        for i in range(frames):
            writer.add(*frame(i, width, height))
        given = {
            "motion": Motion.rest(frames),
            "splits": {"train": range(frames - 4), "in_distribution": range(frames - 4, frames)},
            "landmarks": landmarks(frames),
            "plates": np.zeros((height, width, 3), np.uint8),
            "provenance": {"made_by": {"test": 1}},
        }
        return writer.finish(**{**given, **finish})


@pytest.fixture
def make(monkeypatch, tmp_path):
    """Builders of captures, with a cache of their own."""
    monkeypatch.setenv("AVATAR_KIT_CACHE", str(tmp_path / "cache"))
    return SimpleNamespace(
        capture=write_capture, frame=frame, facts=facts, landmarks=landmarks, root=tmp_path / "me"
    )
