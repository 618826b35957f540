"""The tracker ``mediapipe``: Holistic for one person, and a detector that counts the others."""

from __future__ import annotations

import mediapipe
import numpy as np

from avatar_kit_mediapipe import landmarks
from avatar_kit_mediapipe.config import MediapipeConfig
from avatar_kit_mediapipe.face import FaceReader
from avatar_kit_mediapipe.hands import Hands, look_again
from avatar_kit_mediapipe.holistic.blendshape_network import BlendshapeNetwork
from avatar_kit_mediapipe.holistic.detector import PeopleDetector
from avatar_kit_mediapipe.holistic.hand import TRIES, HandModel
from avatar_kit_mediapipe.holistic.heavy import HeavyPose
from avatar_kit_mediapipe.installed import require_holistic
from avatar_kit_mediapipe.models import FACE_LANDMARKER, POSE_HEAVY
from avatar_kit_mediapipe.people import Crowd
from avatar_kit_mediapipe.quiet import quiet
from avatar_kit_mediapipe.tracks import FACE_POINTS, HIPS, FaceMeshTracker, MediapipeTrack, assemble

require_holistic()


class MediapipeTracker(FaceMeshTracker):
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
            self._network = BlendshapeNetwork(network) if network else None
            self._hand_model = HandModel() if config.retry_hands else None
            if self._hand_model is not None:
                self._hand_model.find(
                    blank, np.full(2, 32.0), 32.0, np.array([0, -1]), mirror=False
                )
            self._detector.find(blank)
            self._holistic.process(blank)
        self._face = FaceReader()
        self.crowd = Crowd(self._detector.find, config.people_every)

    def reset(self) -> None:
        """Forget the past."""
        self._holistic.reset()
        self.crowd.forget()
        self._face.forget()

    def close(self) -> None:
        """Free the graphs and what they hold, some 300 MB for a video of 4K."""
        with quiet():
            for part in (self._holistic, self._detector, self._hand_model, self._heavy):
                if part is not None:
                    part.close()

    def stream(self, frame: np.ndarray) -> MediapipeTrack:
        """Track the next frame: [H, W, 3] uint8 RGB."""
        frame = np.ascontiguousarray(frame)
        height, width = frame.shape[:2]
        with quiet():
            painted = self.crowd.alone(frame)
            seen = self._holistic.process(painted)
            pose = landmarks.to_array(seen.pose_landmarks, 33)
            if self._heavy is not None and seen.pose_landmarks is not None:
                pose = self._heavy.refine(painted, pose)
        world = landmarks.to_array(seen.pose_world_landmarks, 33)
        mesh = told = None
        if seen.face_landmarks is not None:
            mesh = landmarks.to_array(seen.face_landmarks, FACE_POINTS)[:, :3]
            mesh = mesh * (width, height, width)
            told = None if self._network is None else self._network.channels(mesh)
        body = landmarks.body_points(pose, world, mesh is not None, width, height)
        found = seen.pose_landmarks is not None
        return assemble(
            body,
            self._hands(seen, painted, body),
            mesh,
            self._face.read(mesh, told),
            seen.segmentation_mask,
            (height, width),
            self.crowd.count(body[0][HIPS] if found else None),
        )

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
        reach = landmarks.wrist_reach(points, sure, self.config.hand_reach)
        trusted = landmarks.trusted_hands(pixels, found, points, sure, reach)
        hands = Hands(pixels, metres, trusted)
        if self._hand_model is None:
            return hands
        with quiet():
            return look_again(self._hand_model, frame, hands, body, reach, TRIES)
