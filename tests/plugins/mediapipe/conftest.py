"""Pictures of the embedded capture with the true key points."""

from typing import NamedTuple

import numpy as np
import pytest
import torch

from avatar_kit.config.slots import resolve_component
from avatar_kit.registry import catalog
from avatar_kit.scene.joints import BODY_KEYPOINTS


class Film(NamedTuple):
    """F frames: pictures, key points in pixels [F, 65, 2] and in camera axes [F, 65, 3]."""

    frames: list[np.ndarray]
    pixels: np.ndarray
    space: np.ndarray

    @property
    def tall(self) -> np.ndarray:
        """[F] heights of the body in pixels."""
        return np.ptp(self.pixels[:, : len(BODY_KEYPOINTS), 1], axis=1)


@pytest.fixture(scope="session")
def film(body) -> Film:
    """Eight frames of the embedded capture at 512."""
    values = {"type": "studio", "subject": "ada", "frames": 8, "test_frames": 4}
    capture = (
        catalog().get("dataset", "studio").load()(resolve_component("dataset", values)).open(512)
    )
    at = list(capture.splits["train"].frames)
    shape = body.shape_vector(capture.shape)
    with torch.no_grad():
        points = body.keypoints(body.from_motion(capture.motion[at], shape))
    camera = capture.camera
    frames = [np.ascontiguousarray(f) for f in capture.images(at)]
    return Film(frames, camera.project(points)[0].numpy(), camera.to_camera(points).numpy())
