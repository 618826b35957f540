"""What one frame of a tracker says: targets and how far each is believed. Pure numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar_kit.interfaces import FrameTrack
from avatar_kit.scene.joints import BODY_KEYPOINTS
from avatar_kit.tracking.initial import observed_yaw
from avatar_kit.tracking.objective import (
    HAND_LINES,
    LEG_PARTS,
    point_weights,
    profile,
    segment_indices,
)
from avatar_kit.tracking.tracks import main_joints

#: Ends of the lines of the body in ``BODY_KEYPOINTS``, and their weights.
LINE_STARTS, LINE_ENDS, _LINE_WEIGHTS = (np.array(x) for x in zip(*segment_indices(), strict=True))
#: Ends of the lines of a hand in ``HAND_KEYPOINTS``.
HAND_STARTS, HAND_ENDS = np.array(HAND_LINES).T
MAIN_JOINTS = main_joints()

_POINT_WEIGHTS = point_weights()
_LEGS = np.array([name.rpartition("_")[2] in LEG_PARTS for name in BODY_KEYPOINTS])


@dataclass(frozen=True)
class Observation:
    """One frame, in the axes of the world. Weights are 0 where nothing was seen.

    Attributes:
        points: [23, 2] pixels.
        weight: [23].
        lines: [L, 3] unit directions of the body's lines.
        line_weight: [L].
        hands: [2, 21, 2] pixels relative to the wrist.
        hand_weight: [2].
        hand_lines: [2, M, 3] unit directions.
        world: [23, 3] metres about the hips.
        sure: [23] confidence of the points; 0 where a number is missing.
        yaw: Which way shoulders and hips face, radians; 0 faces a camera that looks along -z.
        face: Confidence that a face was seen.
    """

    points: np.ndarray
    weight: np.ndarray
    lines: np.ndarray
    line_weight: np.ndarray
    hands: np.ndarray
    hand_weight: np.ndarray
    hand_lines: np.ndarray
    world: np.ndarray
    sure: np.ndarray
    yaw: float
    face: float

    @classmethod
    def of(cls, track: FrameTrack, to_world: np.ndarray) -> Observation:
        """Read a frame.

        Args:
            track: What the tracker saw; what is not finite counts as not seen.
            to_world: [3, 3] rotation of camera axes into the world's.
        """
        points, sure = _seen(track.body, track.body_confidence)
        world, sure_world = _seen(track.body_world, sure)
        world = world @ to_world.T
        hands, hand_sure = _seen(track.hands, track.hands_confidence)
        hands_world, hand_sure_world = _seen(track.hands_world, hand_sure)
        hands_world = hands_world @ to_world.T
        yaw = float(observed_yaw(world[None], sure_world[None])[0])
        leg_trust = np.where(_LEGS, 1 - 0.75 * profile(np.array(yaw)), 1.0)
        line_sure = np.minimum(sure_world[LINE_STARTS], sure_world[LINE_ENDS])
        return cls(
            points=points,
            weight=sure * _POINT_WEIGHTS * leg_trust,
            lines=_unit(world[LINE_ENDS] - world[LINE_STARTS]),
            line_weight=line_sure * leg_trust[LINE_STARTS] * _LINE_WEIGHTS,
            hands=hands - hands[:, :1],
            hand_weight=hand_sure_world,
            hand_lines=_unit(hands_world[:, HAND_ENDS] - hands_world[:, HAND_STARTS]),
            world=world,
            sure=sure,
            yaw=yaw,
            face=float(np.nan_to_num(track.face_confidence)),
        )

    @property
    def seen(self) -> int:
        """How many main joints are believed, of 12."""
        return int((self.sure[MAIN_JOINTS] > 0.5).sum())


def _seen(values: np.ndarray, confidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values [N, ...] with 0 where a number is missing, and what is left of the confidence [N]."""
    finite = np.isfinite(values).reshape(len(values), -1).all(1)
    sure = np.where(finite, np.nan_to_num(confidence), 0.0).clip(0, 1)
    kept = finite.reshape(-1, *[1] * (values.ndim - 1))
    return np.where(kept, values, 0.0).astype(np.float32), sure.astype(np.float32)


def _unit(lines: np.ndarray) -> np.ndarray:
    return lines / np.maximum(np.linalg.norm(lines, axis=-1, keepdims=True), 1e-9)
