"""MediaPipe's heavy pose model, from a file that the package does not bring.

It finds points in the picture more exactly than the full model; its points in space are less
consistent, so those stay the full model's.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from avatar_kit_mediapipe import landmarks

_LEFT_SHOULDER, _RIGHT_SHOULDER, _LEFT_HIP, _RIGHT_HIP = 11, 12, 23, 24
#: Half the edge of the square that the model sees: of the distance from the hips to the furthest
#: point of the body.
_MARGIN = 1.1
#: The first of the points of trunk and limbs; those before are the head's, which the full model
#: finds as well.
_BODY = 11
#: The same points with left and right exchanged.
_SWAPPED = np.arange(_BODY, 33).reshape(-1, 2)[:, ::-1].ravel()
_FULL = "pose_landmark_full.tflite"


class HeavyPose:
    """The heavy pose model on the part of a picture where the full one found the person.

    Args:
        model: The file ``pose_landmark_heavy.tflite``.
    """

    def __init__(self, model: Path):
        from mediapipe.python.solution_base import SolutionBase

        self._graph = SolutionBase(graph_config=_graph(model), outputs=["landmarks"])

    def refine(self, frame: np.ndarray, pose: np.ndarray) -> np.ndarray:
        """The landmarks of a person with better trunk and limbs.

        Args:
            frame: [H, W, 3] uint8 RGB.
            pose: [33, 4] normalised landmarks of the full model.

        Returns:
            [33, 4] likewise. Those of the full model where the heavy one sees nobody, or takes left
            for right: points in the picture and in space must tell of the same body.
        """
        from mediapipe.framework.formats.rect_pb2 import NormalizedRect

        height, width = frame.shape[:2]
        points = pose[:, :2] * (width, height)
        hips = points[[_LEFT_HIP, _RIGHT_HIP]].mean(0)
        along = points[[_LEFT_SHOULDER, _RIGHT_SHOULDER]].mean(0) - hips
        edge = 2 * _MARGIN * float(np.linalg.norm(points - hips, axis=1).max())
        roi = NormalizedRect(
            x_center=hips[0] / width, y_center=hips[1] / height,
            width=edge / width, height=edge / height,
            rotation=float(np.arctan2(along[0], -along[1])),
        )  # fmt: skip
        seen = self._graph.process({"image": frame, "roi": roi})
        if seen.landmarks is None:
            return pose
        found = landmarks.to_array(seen.landmarks, 33)
        new = found[_BODY:, :2] * (width, height)
        apart, swapped = (
            np.linalg.norm(new - points[order], axis=1).sum()
            for order in (slice(_BODY, 33), _SWAPPED)
        )
        return pose if swapped < apart else np.concatenate([pose[:_BODY], found[_BODY:]])

    def close(self) -> None:
        """Free the graph."""
        self._graph.close()


def _graph(model: Path):
    """MediaPipe's graph of the full model, with the path of another file in its place."""
    from google.protobuf import text_format
    from mediapipe.calculators.core.constant_side_packet_calculator_pb2 import (
        ConstantSidePacketCalculatorOptions,
    )
    from mediapipe.framework import calculator_pb2
    from mediapipe.python._framework_bindings import validated_graph_config

    short = text_format.Parse(
        'input_stream: "image" input_stream: "roi" output_stream: "landmarks" '
        'node { calculator: "PoseLandmarkByRoiCpu" '
        'input_stream: "IMAGE:image" input_stream: "ROI:roi" '
        'output_stream: "LANDMARKS:landmarks" }',
        calculator_pb2.CalculatorGraphConfig(),
    )
    validated = validated_graph_config.ValidatedGraphConfig()
    validated.initialize(graph_config=short)
    graph = calculator_pb2.CalculatorGraphConfig()
    graph.ParseFromString(validated.binary_config)
    exchanged = 0
    for node in graph.node:
        constants = node.options.Extensions[ConstantSidePacketCalculatorOptions.ext].packet
        for constant in constants:
            if constant.string_value.endswith(_FULL):
                constant.string_value = str(model.absolute())
                exchanged += 1
    if exchanged != 1:
        raise RuntimeError(f"the pose graph of this MediaPipe names {_FULL} {exchanged} times")
    return graph
