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

#: What the network tells better than our measures: its brows, wide eyes and shifted mouths stay
#: near 0 whatever the face does, and a blink is better told by the person's own eyes.
NETWORK_CHANNELS = np.array(
    [
        name.startswith(("mouth", "jawOpen", "eyeLook", "eyeSquint"))
        and name not in ("mouthLeft", "mouthRight")
        for name in ARKIT_CHANNELS
    ]
)
#: Distance of the outer eye corners in pixels up to which it is not believed, and from which fully.
LOST_PIXELS, SURE_PIXELS = 25.0, 60.0
#: Eyes that are closed further than this look nowhere.
_CLOSED = 0.4

_SQUINTS = np.array([name.startswith("eyeSquint") for name in ARKIT_CHANNELS])
_LOOKS = {
    side: np.array([name.startswith("eyeLook") and name.endswith(side) for name in ARKIT_CHANNELS])
    for side in ("Left", "Right")
}
_BLINKS = {side: ARKIT_CHANNELS.index(f"eyeBlink{side}") for side in _LOOKS}

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


def rest(found: np.ndarray) -> np.ndarray:
    """[52] what the network tells of a face at rest, from its channels [T, 52] of a clip.

    Its output is absolute, except for squints: eyes at rest are a fifth to a half closed to it.
    """
    return np.where(_SQUINTS, np.median(found, axis=0), 0.0).astype(np.float32)


def combined(
    own: np.ndarray, found: np.ndarray, at_rest: np.ndarray, face_pixels: float
) -> np.ndarray:
    """[52] our channels and the network's, each where it is the better one.

    Args:
        own: [52] from our measures.
        found: [52] of the network.
        at_rest: [52] of :func:`rest`.
        face_pixels: Distance of the outer eye corners in pixels.
    """
    span = SURE_PIXELS - LOST_PIXELS
    sure = float(np.clip((face_pixels - LOST_PIXELS) / span, 0, 1)) * NETWORK_CHANNELS
    change = np.clip((found - at_rest) / (1 - at_rest + 1e-6), 0, 1)
    for side, looks in _LOOKS.items():
        if own[_BLINKS[side]] > _CLOSED:
            change = np.where(looks, 0.0, change)
    return (own + sure * (change - own)).astype(np.float32)


def _network(task: Path) -> bytes:
    try:
        with zipfile.ZipFile(task) as file:
            return file.read(_NETWORK)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{task}: expected a task file that holds {_NETWORK} ({error})") from None
