"""The tracker: landmarks and mask of one person, frame by frame."""

from __future__ import annotations

import numpy as np
from avatar_kit_myplugin.config import MyPluginConfig

from avatar_kit.interfaces import FrameTrack, Tracker
from avatar_kit.scene.joints import BODY_KEYPOINTS

#: Key point -> (offset of the left one from the middle, place from the crown), in heights of a
#: person who stands and faces the camera, arms a little out.
_PROPORTIONS = {
    "nose": (0.0, 0.08),
    "eye": (0.018, 0.065),
    "ear": (0.04, 0.07),
    "shoulder": (0.10, 0.19),
    "elbow": (0.17, 0.34),
    "wrist": (0.22, 0.47),
    "hip": (0.05, 0.51),
    "knee": (0.06, 0.72),
    "ankle": (0.07, 0.93),
    "heel": (0.07, 0.97),
    "big_toe": (0.08, 0.98),
    "small_toe": (0.10, 0.98),
}


class MyPlugin(Tracker):
    """A mask by difference from the wall, key points by the proportions of a standing person."""

    config: MyPluginConfig

    def reset(self) -> None:
        """Nothing is remembered."""

    def stream(self, frame: np.ndarray) -> FrameTrack:
        """Track one frame: [H, W, 3] uint8 RGB."""
        person = silhouette(frame, self.config.threshold)
        found = person.mean() > 0.005
        body = body_points(person) if found else np.zeros((len(BODY_KEYPOINTS), 2))
        return FrameTrack(
            body=body.astype(np.float32),
            body_confidence=np.full(len(BODY_KEYPOINTS), 0.5 * found),
            body_world=np.zeros((len(BODY_KEYPOINTS), 3)),
            hands=np.zeros((2, 21, 2)),
            hands_confidence=np.zeros(2),
            hands_world=np.zeros((2, 21, 3)),
            face=np.zeros((0, 2)),
            face_confidence=0.0,
            expression=np.zeros(52),
            expression_confidence=0.0,
            mask=person.astype(np.uint8) * 255,
            people=int(found),
        )


def silhouette(frame: np.ndarray, threshold: float) -> np.ndarray:
    """[H, W] bool: where a row differs from what it shows at its two ends."""
    colours = frame.astype(np.float32) / 255
    edge = max(2, frame.shape[1] // 12)
    ends = np.concatenate([colours[:, :edge], colours[:, -edge:]], axis=1)
    difference = np.abs(colours - np.median(ends, axis=1, keepdims=True)).max(-1)
    return difference > threshold


def body_points(person: np.ndarray) -> np.ndarray:
    """[23, 2] pixels of a person who faces the camera: the left side is on the right."""
    rows = np.flatnonzero(person.mean(1) > 0.01)
    top, tall = rows[0], rows[-1] + 1 - rows[0]
    middle = np.median(np.flatnonzero(person[top : top + tall // 2].any(0)))
    points = []
    for name in BODY_KEYPOINTS:
        side, _, part = name.partition("_")
        across, down = _PROPORTIONS[part or name]
        sign = {"left": 1.0, "right": -1.0}.get(side, 0.0)
        points.append((middle + sign * across * tall, top + down * tall))
    return np.array(points)
