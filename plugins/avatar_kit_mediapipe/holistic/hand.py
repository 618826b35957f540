"""MediaPipe's hand model on a square that is given.

The holistic pass looks for a hand where the pose model's finger points are. Here the same model
looks at a square of the full picture, and is asked which hand it sees.
"""

from __future__ import annotations

import numpy as np

from avatar_kit_mediapipe import landmarks
from avatar_kit_mediapipe.hands import Try

#: What the model is shown in turn, where the holistic pass missed a hand or made it like the other.
TRIES = (Try(0.22, 0.066, False), Try(0.27, 0.081, True), Try(0.17, 0.051, False))


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
        """The hand in a square; see :class:`avatar_kit_mediapipe.hands.HandModel`."""
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
