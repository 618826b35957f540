"""What both trackers give for a frame, and how the expressions of a clip follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avatar_kit.interfaces import FrameTrack, PersonBox, Tracker
from avatar_kit.scene.joints import BODY_KEYPOINTS
from avatar_kit_mediapipe.face import Face, expressions
from avatar_kit_mediapipe.hands import Hands
from avatar_kit_mediapipe.people import Crowd
from avatar_kit_mediapipe.quiet import quiet

FACE_POINTS = 478

#: Rows of the hips among the body's points.
HIPS = [BODY_KEYPOINTS.index(f"{side}_hip") for side in ("left", "right")]


@dataclass(frozen=True)
class MediapipeTrack(FrameTrack):
    """A frame's track with the face that the expressions of a clip are found from.

    Attributes:
        seen_face: What the face says, whatever the person looks like at rest.
    """

    seen_face: Face


class FaceMeshTracker(Tracker):
    """A tracker whose frames bring the face that was seen, and that knows who else is there."""

    chooses = True
    crowd: Crowd

    def people(self, frame: np.ndarray) -> list[PersonBox]:
        """Everybody that the detector sees, the largest first."""
        height, width = frame.shape[:2]
        with quiet():
            return [p.box(width, height) for p in self.crowd.find(np.ascontiguousarray(frame))]

    def follow(self, box: PersonBox) -> None:
        """Paint over everybody else from now on."""
        self.crowd.follow(box)

    def expressions(self, tracks: Sequence[FrameTrack]) -> np.ndarray:
        """[T, 52] expressions of a whole clip, against the neutral face of all of it."""
        faces = [t.seen_face for t in tracks if isinstance(t, MediapipeTrack)]
        sure = [face for face in faces if face.confidence > 0.5]
        if len(faces) != len(tracks) or not sure:
            return super().expressions(tracks)
        return expressions(faces, sure)


def assemble(
    body: tuple[np.ndarray, np.ndarray, np.ndarray],
    hands: Hands,
    mesh: np.ndarray | None,
    read: tuple[Face, np.ndarray],
    segmentation: np.ndarray | None,
    size: tuple[int, int],
    people: int,
) -> MediapipeTrack:
    """The track of a frame.

    Args:
        body: Pixels [23, 2], confidence [23] and metres [23, 3].
        hands: Both hands.
        mesh: [478, 3] face mesh in pixels; None: no face is seen.
        read: The face that was seen, and its expression [52].
        segmentation: [H, W] in [0, 1]; None: nobody is seen.
        size: H and W of the frame in pixels.
        people: How many there are.
    """
    face, expression = read
    pixels, sure, metres = body
    points = np.zeros((FACE_POINTS, 2)) if mesh is None else mesh[:, :2]
    shown = np.zeros(size) if segmentation is None else segmentation
    return MediapipeTrack(
        body=pixels,
        body_confidence=sure,
        body_world=metres,
        hands=hands.pixels,
        hands_confidence=hands.confidence,
        hands_world=hands.metres,
        face=points.astype(np.float32),
        face_confidence=float(mesh is not None),
        expression=expression,
        expression_confidence=face.confidence,
        seen_face=face,
        mask=(np.clip(shown, 0, 1) * 255 + 0.5).astype(np.uint8),
        people=people,
    )
