"""MediaPipe's blendshape network on the face mesh that the holistic pass already found.

The task file holds a face detector and a mesh of its own, too; neither is needed. The network sees
where 146 points of the mesh are, whatever their size and place, and needs no neutral face.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from avatar_kit.errors import UserError
from avatar_kit.scene.joints import ARKIT_CHANNELS

_NETWORK = "face_blendshapes.tflite"
#: The mesh is put into a picture of this edge; the network does not see how large.
_EDGE = 64


class BlendshapeNetwork:
    """From a face mesh to ARKit channels.

    Args:
        task: The file ``face_landmarker.task``.

    Raises:
        UserError: The file holds no such network.
    """

    def __init__(self, task: Path):
        from mediapipe.framework import calculator_pb2
        from mediapipe.python._framework_bindings import task_runner
        from mediapipe.tasks.cc.vision.face_landmarker.proto import (
            face_blendshapes_graph_options_pb2 as options,
        )

        graph = calculator_pb2.CalculatorGraphConfig(
            input_stream=["LANDMARKS:landmarks", "IMAGE:image"],
            output_stream=["BLENDSHAPES:blendshapes"],
        )
        graph.node.add(
            calculator="ImagePropertiesCalculator",
            input_stream=["IMAGE_CPU:image"],
            output_stream=["SIZE:size"],
        )
        node = graph.node.add(
            calculator="mediapipe.tasks.vision.face_landmarker.FaceBlendshapesGraph",
            input_stream=["LANDMARKS:landmarks", "IMAGE_SIZE:size"],
            output_stream=["BLENDSHAPES:blendshapes"],
        )
        chosen = node.options.Extensions[options.FaceBlendshapesGraphOptions.ext]
        chosen.base_options.model_asset.file_content = _network(task)
        self._runner = task_runner.TaskRunner.create(graph)

    def channels(self, face: np.ndarray) -> np.ndarray:
        """[52] ARKit channels in [0, 1] of a face mesh [478, 2 or more] in pixels."""
        from mediapipe import ImageFormat
        from mediapipe.framework.formats.landmark_pb2 import NormalizedLandmarkList
        from mediapipe.python import packet_creator, packet_getter

        points = face[:, :2] - face[:, :2].min(0)
        points = points / max(float(points.max()), 1e-6)
        mesh = NormalizedLandmarkList()
        for x, y in points.tolist():
            mesh.landmark.add(x=x, y=y)
        blank = np.zeros((_EDGE, _EDGE, 3), dtype=np.uint8)
        found = self._runner.process(
            {
                "landmarks": packet_creator.create_proto(mesh),
                "image": packet_creator.create_image_frame(blank, image_format=ImageFormat.SRGB),
            }
        )
        named = packet_getter.get_proto(found["blendshapes"]).classification
        scores = {shape.label: shape.score for shape in named}
        return np.array([scores.get(name, 0.0) for name in ARKIT_CHANNELS], dtype=np.float32)


def _network(task: Path) -> bytes:
    try:
        with zipfile.ZipFile(task) as file:
            return file.read(_NETWORK)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{task}: expected a task file that holds {_NETWORK} ({error})") from None
