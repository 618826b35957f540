"""The tracker ``mediapipe_tasks``: landmarkers for pose, hands and face, one after another."""

from __future__ import annotations

import numpy as np

from avatar_kit_mediapipe import landmarks
from avatar_kit_mediapipe.config import MediapipeTasksConfig
from avatar_kit_mediapipe.face import FaceReader
from avatar_kit_mediapipe.hands import Hands, look_again
from avatar_kit_mediapipe.models import FACE_LANDMARKER, HAND_LANDMARKER, POSE_LANDMARKER
from avatar_kit_mediapipe.people import Crowd
from avatar_kit_mediapipe.quiet import quiet
from avatar_kit_mediapipe.tasks.face import FaceLandmarker
from avatar_kit_mediapipe.tasks.hand import TRIES, HandLandmarker
from avatar_kit_mediapipe.tasks.person import Counter, Follower
from avatar_kit_mediapipe.tracks import HIPS, FaceMeshTracker, MediapipeTrack, assemble

_NO_POSE = np.zeros((33, 4), dtype=np.float32)
_NO_HANDS = Hands(
    np.zeros((2, 21, 2), dtype=np.float32),
    np.zeros((2, 21, 3), dtype=np.float32),
    np.zeros(2, dtype=np.float32),
)


class MediapipeTasksTracker(FaceMeshTracker):
    """Body, hands, 478 face points, expression and a mask, on the CPU, from models on disk."""

    config: MediapipeTasksConfig

    def __init__(self, config: MediapipeTasksConfig):
        super().__init__(config)
        pose, hand, face = (
            model.genuine() for model in (POSE_LANDMARKER, HAND_LANDMARKER, FACE_LANDMARKER)
        )
        # The models load on threads and talk while they do: wait for them inside `quiet`.
        with quiet():
            self._counter = Counter(pose, config.detection_confidence)
            self._follower = Follower(pose, config.detection_confidence, config.tracking_confidence)
            self._hand_model = HandLandmarker(hand)
            self._face_model = FaceLandmarker(face)
            self._counter.find(np.zeros((64, 64, 3), dtype=np.uint8))
        self._tries = TRIES if config.retry_hands else TRIES[:1]
        self._face = FaceReader()
        self.crowd = Crowd(self._counter.find, config.people_every)

    def reset(self) -> None:
        """Forget the past."""
        with quiet():
            self._follower.reset()
        self.crowd.forget()
        self._face.forget()

    def close(self) -> None:
        """Free the models."""
        with quiet():
            for part in (self._counter, self._follower, self._hand_model, self._face_model):
                part.close()

    def stream(self, frame: np.ndarray) -> MediapipeTrack:
        """Track the next frame: [H, W, 3] uint8 RGB."""
        height, width = frame.shape[:2]
        with quiet():
            painted = self.crowd.alone(frame)
            pose = self._follower.follow(painted)
        image, world = (_NO_POSE, _NO_POSE) if pose is None else (pose.image, pose.world)
        mesh = told = None
        body = landmarks.body_points(image, world, True, width, height)
        hands = _NO_HANDS
        if pose is not None:
            with quiet():
                found = self._face_model.find(painted, body)
                if found is not None:
                    mesh, told = found
                body = landmarks.body_points(image, world, mesh is not None, width, height)
                reach = landmarks.wrist_reach(*body[:2], self.config.hand_reach)
                hands = look_again(self._hand_model, painted, hands, body, reach, self._tries)
        return assemble(
            body,
            hands,
            mesh,
            self._face.read(mesh, told),
            None if pose is None else pose.mask,
            (height, width),
            self.crowd.count(None if pose is None else body[0][HIPS]),
        )
