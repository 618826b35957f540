"""Everything an encoder may look at to describe a frame."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from avatar_kit.scene.body import PosedBody
from avatar_kit.scene.camera import Camera


@dataclass(frozen=True)
class FrameContext:
    """B frames to be rendered.

    Attributes:
        body: The posed bodies at t.
        previous: The posed bodies at t-1; equal to ``body`` where a clip starts.
        camera: The cameras at t. Its size is the size of the picture.
        index: [B] long, number of the training frame; -1 for frames outside the training split
            (evaluation and driving), for which per-frame codes take their mean.
    """

    body: PosedBody
    previous: PosedBody
    camera: Camera
    index: Tensor

    def __len__(self) -> int:
        return len(self.body)
