"""Everything an encoder may look at to describe a frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from avatar_kit.graphics import Fragments, in_full_precision, interpolate, rasterize, uv_map
from avatar_kit.scene.body import PosedBody
from avatar_kit.scene.camera import Camera
from avatar_kit.scene.motion import Motion
from avatar_kit.scene.selecting import Index, rows


@dataclass(frozen=True)
class FrameContext:
    """B frames to be rendered.

    Attributes:
        body: The posed bodies at t.
        previous: The posed bodies at t-1; equal to ``body`` where a clip starts.
        camera: The cameras at t: B, or one for all. Its size is the size of the picture.
        motion: The B poses at t: joint angles, expression channels, confidence.
        time: [B] seconds since the start of the capture or of the driving motion.
        clip_start: [B] bool, whether there is no frame at t-1.
        index: [B] long, number of the training frame; -1 for frames outside the training split
            (evaluation and driving), for which per-frame codes use their mean. Pictures of the same
            moment by several cameras share one number.
        person: Number of the person that the frames show, if a model has several people: the number
            of the capture. A batch shows one person.
    """

    body: PosedBody
    previous: PosedBody
    camera: Camera
    motion: Motion
    time: Tensor
    clip_start: Tensor
    index: Tensor
    person: int = 0

    @classmethod
    def driven(
        cls,
        body: PosedBody,
        camera: Camera,
        motion: Motion,
        *,
        before: PosedBody | None = None,
        seconds: float = 0.0,
    ) -> FrameContext:
        """One frame that is not a training frame.

        Args:
            body: The posed body.
            camera: The camera that sees the body.
            motion: The pose of the body.
            before: The body of the previous frame; None if there is none.
            seconds: Seconds since the start of the motion.
        """
        device = body.vertices.device
        return cls(
            body=body,
            previous=body if before is None else before,
            camera=camera,
            motion=motion,
            time=torch.full((1,), seconds, device=device),
            clip_start=torch.full((1,), before is None, device=device),
            index=torch.full((1,), -1, device=device),
        )

    def __len__(self) -> int:
        return len(self.body)

    def __getitem__(self, index: Index) -> FrameContext:
        """The selected frames."""
        frames = rows(index)
        return replace(
            self,
            body=self.body[frames],
            previous=self.previous[frames],
            camera=self.camera[frames] if len(self.camera) > 1 else self.camera,
            motion=self.motion[frames],
            time=self.time[frames],
            clip_start=self.clip_start[frames],
            index=self.index[frames],
        )

    @cached_property
    def fragments(self) -> Fragments:
        """What each pixel sees of the bodies at t: rasterised once, shared by all encoders."""
        return rasterize(self.body.vertices, self.body.topology.faces, self.camera)

    @cached_property
    def uv_map(self) -> Tensor:
        """[B, 2, H, W] texture coordinates of ``fragments``; 0 in the background."""
        return uv_map(self.body.topology, self.fragments)

    @cached_property
    @in_full_precision
    def normal_map(self) -> Tensor:
        """[B, 3, H, W] unit normals of ``fragments`` in camera axes; 0 in the background."""
        normals = self.body.normals @ self.camera.R.mT
        return interpolate(normals, self.body.topology.faces, self.fragments)
