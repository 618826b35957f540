"""What a face says: our measures of the mesh, and the blendshape network's where it was asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avatar_kit_mediapipe import blendshapes, expression

#: Frames over which a stream learns the face at rest.
REST_FRAMES = 300


@dataclass(frozen=True)
class Face:
    """What a frame says of a face, whatever the person looks like at rest.

    Attributes:
        measures: [23] of :func:`~avatar_kit_mediapipe.expression.measure`; NaN without a face.
        blendshapes: [52] of the network; NaN without a face or a network.
        pixels: Distance of the outer eye corners in pixels; 0 without a face.
        confidence: Of the expression, in [0, 1].
    """

    measures: np.ndarray
    blendshapes: np.ndarray
    pixels: float
    confidence: float


#: No face.
UNSEEN = Face(np.full(len(expression.MEASURES), np.nan), np.full(52, np.nan), 0.0, 0.0)


def expressions(faces: Sequence[Face], seen: Sequence[Face]) -> np.ndarray:
    """[T, 52] ARKit channels of faces that are all of one person.

    Args:
        faces: T faces of that person; zeros where none is seen.
        seen: Those that tell what the person looks like at rest; not empty.
    """
    neutral = expression.neutral_face(np.stack([f.measures for f in seen]))
    told = [f.blendshapes for f in seen if np.isfinite(f.blendshapes).all()]
    at_rest = blendshapes.rest(np.stack(told)) if told else np.zeros(52, dtype=np.float32)
    found = np.zeros((len(faces), 52), dtype=np.float32)
    for i, face in enumerate(faces):
        if face.pixels > 0:
            found[i] = expression.channels(face.measures, neutral, face.pixels)
            if np.isfinite(face.blendshapes).all():
                found[i] = blendshapes.combined(found[i], face.blendshapes, at_rest, face.pixels)
    return found


class FaceReader:
    """Reads the faces of a stream."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """The next face is another person's."""
        typical = Face(expression.TYPICAL_FACE, UNSEEN.blendshapes, 0.0, 1.0)
        self._seen: deque[Face] = deque([typical] * 5, maxlen=REST_FRAMES)

    def read(self, mesh: np.ndarray | None, told: np.ndarray | None) -> tuple[Face, np.ndarray]:
        """A face and its expression [52], as far as the stream tells.

        Args:
            mesh: [478, 3] x right, y down, z away, all in pixels; None: no face is seen.
            told: [52] of the blendshape network; None: it was not asked.
        """
        if mesh is None:
            return UNSEEN, np.zeros(52, dtype=np.float32)
        axes, _, unit = expression.head_frame(mesh)
        sure = expression.confidence(expression.yaw(axes))
        shapes = UNSEEN.blendshapes if told is None else told
        face = Face(expression.measure(mesh), shapes, unit, sure)
        if sure > 0.5:
            self._seen.append(face)
        return face, expressions([face], self._seen)[0]
