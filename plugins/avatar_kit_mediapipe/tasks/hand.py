"""The hand landmarker on squares of a picture: in the whole of it hands are too small to find."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from mediapipe.tasks.python import vision

from avatar_kit_mediapipe import landmarks
from avatar_kit_mediapipe.hands import Try
from avatar_kit_mediapipe.tasks.inputs import base_options, picture, square

#: What the landmarker is shown in turn. Its palm detector wants room around the hand.
TRIES = (
    Try(0.55, 0.07, False),
    Try(0.4, 0.07, True),
    Try(0.3, 0.07, False),
    Try(0.55, 0.07, True),
)


class HandLandmarker:
    """Finds the hand that is nearest to the middle of a square.

    Args:
        model: The file ``hand_landmarker.task``.
    """

    def __init__(self, model: Path):
        options = vision.HandLandmarkerOptions(base_options=base_options(model), num_hands=2)
        self._landmarker = vision.HandLandmarker.create_from_options(options)

    def close(self) -> None:
        """Free the model."""
        self._landmarker.close()

    def find(
        self, frame: np.ndarray, centre: np.ndarray, edge: float, along: np.ndarray, *, mirror: bool
    ) -> tuple[np.ndarray, None] | None:
        """The hand in a square; see :class:`avatar_kit_mediapipe.hands.HandModel`.

        Which hand the model takes it for is not said: of blurred hands it is wrong too often.
        """
        cut = square(frame, centre, edge)
        if cut is None:
            return None
        crop, corner = cut
        height, width = crop.shape[:2]
        seen = self._landmarker.detect(picture(crop[:, ::-1] if mirror else crop))
        hands = []
        for found in seen.hand_landmarks:
            points = landmarks.to_array(found, 21)[:, :3] * (width, height, width)
            if mirror:
                points[:, 0] = width - points[:, 0]
            points[:, :2] += corner
            hands.append(points)
        if not hands:
            return None
        return min(hands, key=lambda p: np.linalg.norm(p[:, :2].mean(0) - centre)), None
