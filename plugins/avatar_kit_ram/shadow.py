"""Where the person's shadow falls on the floor, under the light that explains the pictures best."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from avatar_kit.graphics import rasterize
from avatar_kit.interfaces import Batch, Encoder, Setup
from avatar_kit.nn import PlateBackground
from avatar_kit.scene import Camera, FeatureMap, FrameContext
from avatar_kit_ram.config import CastShadowConfig

#: Metres that a shadow moves on the floor per metre of height: high light to low light.
REACHES = (0.4, 0.7, 1.0, 1.4)

#: Half the width of the finer grids of slopes that are tried next, around the best so far.
SPANS = (0.36, 0.12, 0.04)


def first_candidates() -> Tensor:
    """[49, 2] slopes of light all around: metres along x and z per metre of height."""
    azimuth = torch.arange(12) * (2 * math.pi / 12)
    around = torch.stack([azimuth.sin(), azimuth.cos()], dim=-1)
    return torch.cat([torch.zeros(1, 2), *(reach * around for reach in REACHES)])


def finer_candidates(best: Tensor, span: float) -> Tensor:
    """[49, 2] a grid of slopes around the best so far [2]."""
    steps = torch.linspace(-span, span, 7, device=best.device)
    return best + torch.cartesian_prod(steps, steps)


class CastShadow(Encoder):
    """The silhouette of the body thrown onto the floor by one distant light; not in the paper.

    In the first steps of training the shadows of candidate lights are compared with how much darker
    than the empty scene the pictures are, on grids that become finer around the best candidate.
    The floor is the lowest the body was seen.
    """

    config: CastShadowConfig
    slope: Tensor
    floor: Tensor
    rounds: Tensor
    frames: Tensor
    candidates: Tensor
    explained: Tensor

    def __init__(self, config: CastShadowConfig, setup: Setup):
        super().__init__(config, setup)
        tried = first_candidates()
        self.register_buffer("slope", torch.zeros(2))
        self.register_buffer("floor", torch.tensor(math.inf))
        #: Rounds that are done, and frames seen in the present one.
        self.register_buffer("rounds", torch.zeros((), dtype=torch.long))
        self.register_buffer("frames", torch.zeros((), dtype=torch.long))
        self.register_buffer("candidates", tried)
        #: Per candidate: the darkening under its shadow, and the pixels of its shadow.
        self.register_buffer("explained", torch.zeros(2, len(tried)))

    @torch.no_grad()
    def observe(self, batch: Batch, step: int) -> None:
        """Weigh the candidates with some training frames, until enough were seen."""
        context, vertices = batch.context, batch.context.body.vertices
        self.floor.copy_(torch.minimum(self.floor, vertices[..., 1].amin()))
        done = int(self.rounds)
        if done > len(SPANS) or not self.setup.plates:
            return
        if done and not self.frames:
            self.candidates.copy_(finer_candidates(self.slope, SPANS[done - 1]))
            self.explained.zero_()
        camera = coarse(context.camera, self.config.search_size)
        size = (camera.height, camera.width)
        empty = PlateBackground(self.setup.plates).to(batch.image)(context.camera)
        darker = (empty - batch.image).mean(1, keepdim=True)
        free = F.interpolate(1 - batch.mask, size=size, mode="area")
        darkening = F.interpolate(darker, size=size, mode="area")
        for i, slope in enumerate(self.candidates):
            drawn = silhouettes(fallen(vertices, self.floor, slope), context, camera)
            self.explained[0, i] += (drawn * free * darkening).sum()
            self.explained[1, i] += (drawn * free).sum()
        self.slope.copy_(self.candidates[self.gain().argmax()])
        self.frames += len(context)
        if self.frames >= self.config.frames:
            self.rounds += 1
            self.frames.zero_()

    def gain(self) -> Tensor:
        """[N] squared error that every candidate's shadow takes away, at its best darkness."""
        darkening, pixels = self.explained
        return darkening.clamp(min=0).square() / pixels.clamp(min=1)

    @torch.no_grad()
    def forward(self, context: FrameContext) -> FeatureMap:
        """[B, 1, H, W] 1 where the body keeps the light from the floor, softened by a pixel."""
        points = fallen(context.body.vertices, self.floor, self.slope)
        drawn = silhouettes(points, context, context.camera)
        return FeatureMap(F.avg_pool2d(drawn, 3, stride=1, padding=1, count_include_pad=False))


def fallen(points: Tensor, floor: Tensor, slope: Tensor) -> Tensor:
    """[B, N, 3] where the shadows of points [B, N, 3] lie on the floor."""
    height = (points[..., 1] - floor).clamp(min=0)
    x = points[..., 0] + slope[0] * height
    z = points[..., 2] + slope[1] * height
    return torch.stack([x, floor.expand_as(x), z], dim=-1)


def silhouettes(points: Tensor, context: FrameContext, camera: Camera) -> Tensor:
    """[B, 1, H, W] 1 where the triangles of the body, with other vertices, are seen."""
    triangle = rasterize(points, context.body.topology.faces, camera).triangle
    return (triangle >= 0).to(points.dtype)[:, None]


def coarse(camera: Camera, height: int) -> Camera:
    """The camera with a picture of at most this height."""
    scale = min(1.0, height / camera.height)
    size = (max(1, round(camera.width * scale)), max(1, round(camera.height * scale)))
    return camera.crop_resize(0, 0, scale, *size)
