"""MediaPipe's person detector on its own: the pose tracker follows one person and counts nobody."""

from __future__ import annotations

import numpy as np

from avatar_kit_mediapipe.people import Person, everybody


class PeopleDetector:
    """MediaPipe's person detector, every detection of it."""

    def __init__(self, least_score: float):
        from google.protobuf import text_format
        from mediapipe.framework import calculator_pb2
        from mediapipe.python.solution_base import SolutionBase

        graph = text_format.Parse(
            'input_stream: "image" output_stream: "detections" '
            'node { calculator: "PoseDetectionCpu" '
            'input_stream: "IMAGE:image" output_stream: "DETECTIONS:detections" }',
            calculator_pb2.CalculatorGraphConfig(),
        )
        self._graph = SolutionBase(graph_config=graph, outputs=["detections"])
        self._least_score = least_score

    def find(self, frame: np.ndarray) -> list[Person]:
        """People in an [H, W, 3] uint8 RGB picture, the largest first."""
        return everybody(self._detect, frame)

    def _detect(self, frame: np.ndarray) -> list[Person]:
        height, width = frame.shape[:2]
        people = []
        for detection in self._graph.process({"image": frame}).detections or []:
            points = detection.location_data.relative_keypoints
            (x, y), rim = ((p.x * width, p.y * height) for p in points[:2])
            if detection.score[0] >= self._least_score:
                people.append(Person((x, y), float(np.hypot(rim[0] - x, rim[1] - y))))
        return people

    def close(self) -> None:
        """Free the graph."""
        self._graph.close()
