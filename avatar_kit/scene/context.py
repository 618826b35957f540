"""Everything an encoder may look at to describe a frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from torch import Tensor

from avatar_kit.scene.body import PosedBody
from avatar_kit.scene.camera import Camera

if TYPE_CHECKING:
    from avatar_kit.graphics import Fragments


@dataclass(frozen=True)
class FrameContext:
    """B frames to be rendered.

    Attributes:
        body: The posed bodies at t.
        previous: The posed bodies at t-1; equal to ``body`` where a clip starts.
        camera: The cameras at t. Its size is the size of the picture.
        index: [B] long, number of the training frame; -1 for frames outside the training split
            (evaluation and driving), for which per-frame codes take their mean.
        person: Whom the frames show, where a model is of several people: the number of the capture.
            A batch is of one person.
    """

    body: PosedBody
    previous: PosedBody
    camera: Camera
    index: Tensor
    person: int = 0

    def __len__(self) -> int:
        return len(self.body)

    def at(self, frames: slice) -> FrameContext:
        """The chosen frames."""
        camera = self.camera
        if len(camera) > 1:
            chosen = (camera.K[frames], camera.R[frames], camera.t[frames])
            camera = Camera(*chosen, camera.width, camera.height)
        return replace(
            self,
            body=self.body.at(frames),
            previous=self.previous.at(frames),
            camera=camera,
            index=self.index[frames],
        )

    @cached_property
    def fragments(self) -> Fragments:
        """What every pixel sees of the bodies at t: rasterised once, shared by all encoders."""
        from avatar_kit.graphics import rasterize

        return rasterize(self.body.vertices, self.body.topology.faces, self.camera)
