"""What a tracker saw in a whole video, stacked over its frames."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from avatar_kit.scene.joints import BODY_KEYPOINTS
from avatar_kit.tracking.packed import Masks, PackedMasks

#: Longest side of the coarse masks that are kept in memory, in pixels.
MASK_EDGE_PIXELS = 384


@dataclass(frozen=True)
class Tracks:
    """Stacked :class:`~avatar_kit.interfaces.FrameTrack` of T frames.

    Attributes:
        body: [T, 23, 2] pixels.
        body_confidence: [T, 23].
        body_world: [T, 23, 3] metres about the hip centre, camera axes.
        hands: [T, 2, 21, 2] pixels.
        hands_confidence: [T, 2].
        hands_world: [T, 2, 21, 3] metres, camera axes.
        face: [T, P, 2] pixels.
        face_confidence: [T].
        expression: [T, 52].
        expression_confidence: [T].
        people: [T] how many people were found.
        masks: [T, h, w] uint8, coarse.
    """

    body: np.ndarray
    body_confidence: np.ndarray
    body_world: np.ndarray
    hands: np.ndarray
    hands_confidence: np.ndarray
    hands_world: np.ndarray
    face: np.ndarray
    face_confidence: np.ndarray
    expression: np.ndarray
    expression_confidence: np.ndarray
    people: np.ndarray
    masks: Masks

    def __len__(self) -> int:
        return len(self.body)

    def at(self, frames: np.ndarray | slice) -> Tracks:
        """The chosen frames."""
        arrays = self.arrays()
        masks = arrays.pop("masks")
        some = masks.at(frames) if isinstance(masks, PackedMasks) else masks[frames]
        return replace(self, masks=some, **{k: v[frames] for k, v in arrays.items()})

    def arrays(self) -> dict[str, Any]:
        """The fields by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


def main_joints() -> np.ndarray:
    """Indices into ``BODY_KEYPOINTS`` of shoulders, elbows, wrists, hips, knees and ankles."""
    parts = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    return np.array([i for i, n in enumerate(BODY_KEYPOINTS) if n.rpartition("_")[2] in parts])
