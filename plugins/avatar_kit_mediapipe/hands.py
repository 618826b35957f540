"""Hands that the holistic pass missed or took for the other hand.

The holistic pass looks for a hand where the pose model's finger points are. Here the hand model
looks where the forearm ends, in the full picture, and is asked which hand it sees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar_kit.scene.joints import BODY_KEYPOINTS
from avatar_kit.tracking.heading import handedness
from avatar_kit_mediapipe import landmarks

#: What is tried in turn: edge of the square that the hand model sees, in metres, and whether the
#: picture is mirrored. A blurred hand is found rather in one of them than in another.
TRIES = ((0.22, False), (0.27, True), (0.17, False))
#: Centre of the square beyond the wrist, along the forearm, as a part of the square's edge.
_BEYOND_WRIST = 0.3
#: Wrist to middle knuckle as it may look in a picture, in metres: short where it points at us.
PALM_RANGE = (0.03, 0.12)

_ELBOWS = tuple(BODY_KEYPOINTS.index(f"{s}_elbow") for s in ("left", "right"))
#: Sign of :func:`handedness` of a left and of a right hand.
_SIGNS = np.array([-1.0, 1.0])


@dataclass(frozen=True)
class Hands:
    """Both hands of a frame, left then right.

    Attributes:
        pixels: [2, 21, 2].
        metres: [2, 21, 3] about each hand's centre, camera axes.
        confidence: [2] in [0, 1].
    """

    pixels: np.ndarray
    metres: np.ndarray
    confidence: np.ndarray

    def doubtful(self) -> np.ndarray:
        """[2] bool: not found, or with fingers that bend away from the palm."""
        return (self.confidence == 0) | (handedness(self.metres) * _SIGNS < 0)


class HandModel:
    """MediaPipe's hand model on a square of a picture, without its palm detector."""

    def __init__(self) -> None:
        from google.protobuf import text_format
        from mediapipe.framework import calculator_pb2
        from mediapipe.python.solution_base import SolutionBase

        graph = text_format.Parse(
            'input_stream: "image" input_stream: "roi" '
            'output_stream: "landmarks" output_stream: "handedness" '
            'node { calculator: "HandLandmarkCpu" '
            'input_stream: "IMAGE:image" input_stream: "ROI:roi" '
            'output_stream: "LANDMARKS:landmarks" output_stream: "HANDEDNESS:handedness" }',
            calculator_pb2.CalculatorGraphConfig(),
        )
        self._graph = SolutionBase(graph_config=graph, outputs=["landmarks", "handedness"])

    def find(
        self, frame: np.ndarray, centre: np.ndarray, edge: float, along: np.ndarray, *, mirror: bool
    ) -> tuple[np.ndarray, bool] | None:
        """The hand in a square.

        Args:
            frame: [H, W, 3] uint8 RGB.
            centre: [2] of the square in pixels.
            edge: Of the square in pixels.
            along: [2] unit vector from the wrist to the fingers.
            mirror: Show the model the mirrored picture; the answer is of the picture as it is.

        Returns:
            [21, 3] pixels and depth in pixels, and whether it looks like a left hand; None if the
            model sees no hand.
        """
        from mediapipe.framework.formats.rect_pb2 import NormalizedRect

        reach = int(np.ceil(edge))
        left, top = (int(v) for v in np.maximum(np.floor(centre) - reach, 0))
        crop = frame[top : top + 2 * reach, left : left + 2 * reach]
        height, width = crop.shape[:2]
        if min(height, width) < 2:
            return None
        x, y = centre - (left, top)
        turn = np.arctan2(along[0], -along[1])
        if mirror:
            crop, x, turn = crop[:, ::-1], width - x, -turn
        roi = NormalizedRect(
            x_center=x / width, y_center=y / height, width=edge / width, height=edge / height,
            rotation=turn,
        )  # fmt: skip
        seen = self._graph.process({"image": np.ascontiguousarray(crop), "roi": roi})
        if seen.landmarks is None:
            return None
        found = landmarks.to_array(seen.landmarks, 21)[:, :3] * (width, height, width)
        if mirror:
            found[:, 0] = width - found[:, 0]
        # the model names hands as a mirror shows them
        is_left = (seen.handedness.classification[0].label == "Right") != mirror
        return found + np.array([left, top, 0]), is_left

    def close(self) -> None:
        """Free the graph."""
        self._graph.close()


def look_again(
    model: HandModel,
    frame: np.ndarray,
    hands: Hands,
    body: tuple[np.ndarray, np.ndarray, np.ndarray],
    reach: float,
) -> Hands:
    """Look once more for the doubtful hands whose wrists are seen.

    A find takes the place of what was there if model and fingers say that it is the right one of
    both hands, its palm is of human size and it is at its own wrist.

    Args:
        model: Looks.
        frame: [H, W, 3] uint8 RGB.
        hands: What is known.
        body: Pixels [23, 2], confidence [23] and metres [23, 3] of the body's key points.
        reach: Largest distance between hand and wrist in pixels.
    """
    pixels, sure, _ = body
    scale = landmarks.pixels_per_metre(*body)
    for side in np.flatnonzero(hands.doubtful()):
        wrist, elbow = pixels[landmarks.WRISTS[side]], pixels[_ELBOWS[side]]
        if scale == 0 or sure[landmarks.WRISTS[side]] <= landmarks.SEEN_WRIST:
            continue
        along = (wrist - elbow) / max(float(np.linalg.norm(wrist - elbow)), 1e-6)
        for metres, mirror in TRIES:
            edge = metres * scale
            centre = wrist + _BEYOND_WRIST * edge * along
            found = model.find(frame, centre, edge, along, mirror=mirror)
            if found is None or found[1] != (side == 0):
                continue
            better = _exchanged(hands, side, found[0], pixels, sure, reach)
            palm = np.linalg.norm(found[0][9] - found[0][0]) / scale
            if PALM_RANGE[0] < palm < PALM_RANGE[1] and not better.doubtful()[side]:
                hands = better
                break
    return hands


def _exchanged(
    hands: Hands, side: int, found: np.ndarray, body: np.ndarray, sure: np.ndarray, reach: float
) -> Hands:
    """The hands with another one on a side: [21, 3] in pixels."""
    pixels, metres = hands.pixels.copy(), hands.metres.copy()
    pixels[side], metres[side] = landmarks.hand_in_space(found)
    known = hands.confidence > 0
    known[side] = True
    confidence = landmarks.trusted_hands(pixels, known, body, sure, reach)
    return Hands(pixels, metres, confidence)
