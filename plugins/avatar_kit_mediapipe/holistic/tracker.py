"""The MediaPipe tracker: Holistic for one person, and a detector that counts the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mediapipe
import numpy as np

from avatar_kit.interfaces import FrameTrack, Tracker
from avatar_kit_mediapipe import landmarks
from avatar_kit_mediapipe.blendshapes import BlendshapeNetwork
from avatar_kit_mediapipe.config import MediapipeConfig
from avatar_kit_mediapipe.face import Face, FaceReader, expressions
from avatar_kit_mediapipe.hands import HandModel, Hands, look_again
from avatar_kit_mediapipe.heavy import HeavyPose
from avatar_kit_mediapipe.models import FACE_LANDMARKER, POSE_HEAVY
from avatar_kit_mediapipe.people import PeopleDetector, Person, paint_over
from avatar_kit_mediapipe.quiet import quiet

FACE_POINTS = 478


@dataclass(frozen=True)
class MediapipeTrack(FrameTrack):
    """A frame's track with the face that the expressions of a clip are found from.

    Attributes:
        seen_face: What the face says, whatever the person looks like at rest.
    """

    seen_face: Face


class MediapipeTracker(Tracker):
    """Body, hands, 478 face points, expression and a mask, on the CPU, without a network."""

    config: MediapipeConfig

    def __init__(self, config: MediapipeConfig):
        super().__init__(config)
        blank = np.zeros((64, 64, 3), dtype=np.uint8)
        # The models load on threads and talk while they do: wait for them inside `quiet`.
        with quiet():
            self._detector = PeopleDetector(config.detection_confidence)
            self._holistic = mediapipe.solutions.holistic.Holistic(
                model_complexity=1,
                smooth_landmarks=False,  # its filter lags fast wrists by up to 4 % of the height
                enable_segmentation=True,
                smooth_segmentation=False,
                refine_face_landmarks=True,
                min_detection_confidence=config.detection_confidence,
                min_tracking_confidence=config.tracking_confidence,
            )
            heavy = POSE_HEAVY.genuine() if config.heavy else None
            network = FACE_LANDMARKER.genuine() if config.blendshapes else None
            self._heavy = HeavyPose(heavy) if heavy else None
            self._face = FaceReader(BlendshapeNetwork(network) if network else None)
            self._hand_model = HandModel() if config.retry_hands else None
            if self._hand_model is not None:
                self._hand_model.find(
                    blank, np.full(2, 32.0), 32.0, np.array([0, -1]), mirror=False
                )
            self._detector.find(blank)
            self._holistic.process(blank)
        self._forget()

    def _forget(self) -> None:
        self._frame = 0
        self._people: list[Person] = []
        self._face.forget()

    def reset(self) -> None:
        """Forget the past."""
        self._holistic.reset()
        self._forget()

    def stream(self, frame: np.ndarray) -> MediapipeTrack:
        """Track the next frame: [H, W, 3] uint8 RGB."""
        frame = np.ascontiguousarray(frame)
        height, width = frame.shape[:2]
        with quiet():
            if self._frame % self.config.people_every == 0:
                self._people = self._detector.find(frame)
            painted = paint_over(frame, self._people)
            seen = self._holistic.process(painted)
            pose = landmarks.to_array(seen.pose_landmarks, 33)
            if self._heavy is not None and seen.pose_landmarks is not None:
                pose = self._heavy.refine(painted, pose)
        self._frame += 1
        world = landmarks.to_array(seen.pose_world_landmarks, 33)
        face = landmarks.to_array(seen.face_landmarks, FACE_POINTS)[:, :3] * (width, height, width)
        face_found = seen.face_landmarks is not None
        pixels, sure, metres = landmarks.body_points(pose, world, face_found, width, height)
        seen_face, expression = self._face.read(face if face_found else None)
        hands = self._hands(seen, painted, (pixels, sure, metres))
        found = seen.pose_landmarks is not None
        return MediapipeTrack(
            body=pixels,
            body_confidence=sure,
            body_world=metres,
            hands=hands.pixels,
            hands_confidence=hands.confidence,
            hands_world=hands.metres,
            face=face[:, :2].astype(np.float32),
            face_confidence=float(face_found),
            expression=expression,
            expression_confidence=seen_face.confidence,
            seen_face=seen_face,
            mask=_mask(seen.segmentation_mask, height, width),
            people=max(len(self._people), int(found)) if found else 0,
        )

    def expressions(self, tracks: Sequence[FrameTrack]) -> np.ndarray:
        """[T, 52] expressions of a whole clip, against the neutral face of all of it."""
        faces = [t.seen_face for t in tracks if isinstance(t, MediapipeTrack)]
        sure = [face for face in faces if face.confidence > 0.5]
        if len(faces) != len(tracks) or not sure:
            return super().expressions(tracks)
        return expressions(faces, sure)

    def _hands(self, seen, frame: np.ndarray, body) -> Hands:
        height, width = frame.shape[:2]
        lists = (seen.left_hand_landmarks, seen.right_hand_landmarks)
        arrays = [landmarks.to_array(hand, 21) for hand in lists]
        pixels, metres = (
            np.stack(parts)
            for parts in zip(
                *(landmarks.hand_points(a, width, height) for a in arrays), strict=True
            )
        )
        found = np.array([hand is not None for hand in lists])
        points, sure, _ = body
        visible = points[sure > 0.3]
        tall = float(np.ptp(visible[:, 1])) if len(visible) else 0.0
        reach = self.config.hand_reach * max(tall, 1.0)
        trusted = landmarks.trusted_hands(pixels, found, points, sure, reach)
        hands = Hands(pixels, metres, trusted)
        if self._hand_model is None:
            return hands
        with quiet():
            return look_again(self._hand_model, frame, hands, body, reach)


def _mask(segmentation: np.ndarray | None, height: int, width: int) -> np.ndarray:
    if segmentation is None:
        return np.zeros((height, width), dtype=np.uint8)
    return (np.clip(segmentation, 0, 1) * 255 + 0.5).astype(np.uint8)
