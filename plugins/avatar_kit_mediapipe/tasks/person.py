"""Pose landmarks and mask of one person, and how many people there are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mediapipe.tasks.python import vision

from avatar_kit_mediapipe import landmarks
from avatar_kit_mediapipe.people import Person, everybody
from avatar_kit_mediapipe.tasks.inputs import base_options, picture

#: Milliseconds between two frames as the landmarker is told. Where one person is followed it
#: smooths by a one-euro filter, which lags fast wrists by up to 4 % of the height and cannot be
#: switched off; frames this far apart it leaves as they are.
_STEP = 1_000_000
#: People that are told apart in one look.
_CROWD = 4
_HIPS = [23, 24]


@dataclass(frozen=True)
class Pose:
    """One person in one frame.

    Attributes:
        image: [33, 4] normalised landmarks and visibility.
        world: [33, 4] metres about the hip centre, and visibility.
        mask: [H, W] in [0, 1].
    """

    image: np.ndarray
    world: np.ndarray
    mask: np.ndarray


class Follower:
    """The pose landmarker on a stream: it looks where the person was in the frame before.

    Args:
        model: The file ``pose_landmarker_full.task``.
        detection: Least score of a detected person, in [0, 1].
        tracking: Least score to follow a person instead of detecting anew, in [0, 1].
    """

    def __init__(self, model: Path, detection: float, tracking: float):
        self._options = vision.PoseLandmarkerOptions(
            base_options=base_options(model),
            running_mode=vision.RunningMode.VIDEO,
            min_pose_detection_confidence=detection,
            min_pose_presence_confidence=tracking,
            min_tracking_confidence=tracking,
            output_segmentation_masks=True,
        )
        self._landmarker = vision.PoseLandmarker.create_from_options(self._options)
        self._frame = 0

    def reset(self) -> None:
        """Forget where the person was."""
        if self._frame:
            self._landmarker.close()
            self._landmarker = vision.PoseLandmarker.create_from_options(self._options)
            self._frame = 0

    def close(self) -> None:
        """Free the model."""
        self._landmarker.close()

    def follow(self, frame: np.ndarray) -> Pose | None:
        """The person in the next frame: [H, W, 3] uint8 RGB; None: nobody is seen."""
        seen = self._landmarker.detect_for_video(picture(frame), self._frame * _STEP)
        self._frame += 1
        if not seen.pose_landmarks:
            return None
        return Pose(
            landmarks.to_array(seen.pose_landmarks[0], 33),
            landmarks.to_array(seen.pose_world_landmarks[0], 33),
            # a view of memory that the result owns
            np.array(seen.segmentation_masks[0].numpy_view()).reshape(frame.shape[:2]),
        )


class Counter:
    """The pose landmarker on single pictures: everybody in them.

    Args:
        model: The file ``pose_landmarker_full.task``.
        detection: Least score of a detected person, in [0, 1].
    """

    def __init__(self, model: Path, detection: float):
        self._landmarker = vision.PoseLandmarker.create_from_options(
            vision.PoseLandmarkerOptions(
                base_options=base_options(model),
                num_poses=_CROWD,
                min_pose_detection_confidence=detection,
            )
        )

    def close(self) -> None:
        """Free the model."""
        self._landmarker.close()

    def find(self, frame: np.ndarray) -> list[Person]:
        """People in an [H, W, 3] uint8 RGB picture, the largest first."""
        return everybody(self._detect, frame)

    def _detect(self, frame: np.ndarray) -> list[Person]:
        height, width = frame.shape[:2]
        people = []
        for found in self._landmarker.detect(picture(frame)).pose_landmarks:
            points = landmarks.to_array(found, 33)[:, :2] * (width, height)
            x, y = points[_HIPS].mean(0)
            radius = np.linalg.norm(points - (x, y), axis=1).max()
            people.append(Person((float(x), float(y)), float(radius)))
        return people
