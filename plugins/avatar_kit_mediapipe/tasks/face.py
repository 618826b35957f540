"""The face landmarker on the part of a picture where the head is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from mediapipe.tasks.python import vision

from avatar_kit.scene.joints import ARKIT_CHANNELS
from avatar_kit_mediapipe import landmarks
from avatar_kit_mediapipe.tasks.inputs import base_options, picture, square
from avatar_kit_mediapipe.tracks import FACE_POINTS

#: Edge of the square that the model sees, and how far from its middle a face may be, in metres.
_EDGE, _REACH = 0.5, 0.15
_HEAD = slice(0, 5)  # nose, eyes and ears


class FaceLandmarker:
    """Finds the face mesh of the person, and what its blendshape network tells.

    Args:
        model: The file ``face_landmarker.task``.
    """

    def __init__(self, model: Path):
        options = vision.FaceLandmarkerOptions(
            base_options=base_options(model), output_face_blendshapes=True
        )
        self._landmarker = vision.FaceLandmarker.create_from_options(options)

    def close(self) -> None:
        """Free the model."""
        self._landmarker.close()

    def find(
        self, frame: np.ndarray, body: tuple[np.ndarray, np.ndarray, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """The face of a person.

        Args:
            frame: [H, W, 3] uint8 RGB.
            body: Pixels [23, 2], confidence [23] and metres [23, 3] of the body's key points.

        Returns:
            [478, 3] x right, y down, z away, all in pixels, and [52] ARKit channels in [0, 1]; None
            where no face is seen.
        """
        scale = landmarks.pixels_per_metre(*body)
        centre = body[0][_HEAD].mean(0)
        cut = square(frame, centre, _EDGE * scale)
        if cut is None:
            return None
        crop, corner = cut
        height, width = crop.shape[:2]
        seen = self._landmarker.detect(picture(crop))
        if not seen.face_landmarks:
            return None
        mesh = landmarks.to_array(seen.face_landmarks[0], FACE_POINTS)[:, :3]
        mesh = mesh * (width, height, width)
        mesh[:, :2] += corner
        if np.linalg.norm(mesh[:, :2].mean(0) - centre) > _REACH * scale:
            return None  # somebody else's
        scores = {shape.category_name: shape.score for shape in seen.face_blendshapes[0]}
        told = np.array([scores.get(name, 0.0) for name in ARKIT_CHANNELS], dtype=np.float32)
        return mesh, told
