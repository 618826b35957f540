"""What RAM-Avatar tells its renderer about a frame: body, face, hands, style."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from avatar_kit.graphics import (
    Fragments,
    draw_segments,
    in_full_precision,
    interpolate,
    rasterize,
    sample_texture,
    uv_map,
)
from avatar_kit.interfaces import Encoder, Setup
from avatar_kit.scene import FeatureMap, FrameContext, Vector
from avatar_kit_ram.config import (
    FaceMapConfig,
    FrameCodeConfig,
    HandMapConfig,
    NeuralTextureConfig,
)
from avatar_kit_ram.equalized import joined
from avatar_kit_ram.pyramid import Pyramid
from avatar_kit_ram.shallow_unet import ShallowUNet

#: Bones of a hand over ``HAND_KEYPOINTS``: five chains from the wrist, one channel per finger.
HAND_BONES = tuple(
    (0 if joint == 0 else 4 * finger + joint, 4 * finger + joint + 1, finger)
    for finger in range(5)
    for joint in range(4)
)


class NeuralTexture(Encoder):
    """A learned UV texture rasterised with the body (section 3.1). Zero in the background."""

    config: NeuralTextureConfig

    def __init__(self, config: NeuralTextureConfig, setup: Setup):
        super().__init__(config, setup)
        side, levels = config.size, config.levels
        self.textures = Pyramid(config.channels, side, side, levels=levels, std=0.2 / levels)

    def charts(self) -> list[nn.Parameter]:
        """Every level."""
        return list(self.textures)

    def forward(self, context: FrameContext) -> FeatureMap:
        """[B, C (+ 3), H, W]."""
        fragments, shell = self.fragments(context), self.config.expansion > 0
        uv = uv_map(context.body.topology, fragments) if shell else context.uv_map
        features = sample_texture(self.textures.picture(), uv, fragments.mask)
        if self.config.normals:
            normals = normal_map(context, fragments) if shell else context.normal_map
            features = joined([features, normals])
        return FeatureMap(features)

    def fragments(self, context: FrameContext) -> Fragments:
        """What is seen of the surface, or of the shell around it (section 3.2)."""
        if not self.config.expansion:
            return context.fragments
        body = context.body
        shell = body.vertices + self.config.expansion * body.normals
        return rasterize(shell, body.topology.faces, context.camera)


class FaceMap(Encoder):
    """The face region as normals, texture coordinates and mask, through a shallow U-Net.

    Stands in for the rendered face model of the paper: the expression moves both the coordinates
    and the normals.
    """

    config: FaceMapConfig
    centre: Tensor
    extent: Tensor

    def __init__(self, config: FaceMapConfig, setup: Setup):
        super().__init__(config, setup)
        self.network = ShallowUNet(6, config.channels)
        low, high = face_bounds(setup)
        self.register_buffer("centre", (low + high) / 2)
        self.register_buffer("extent", ((high - low) / 2).clamp(min=1e-6))

    def forward(self, context: FrameContext) -> FeatureMap:
        """[B, C, H, W]."""
        return FeatureMap(self.network(self.draw(context)))

    @in_full_precision
    def draw(self, context: FrameContext) -> Tensor:
        """[B, 6, H, W] mask, camera-space normal, coordinates in [-1, 1] over the face."""
        fragments, topology = context.fragments, context.body.topology
        uv = (context.uv_map - self.centre[:, None, None]) / self.extent[:, None, None]
        seen = topology.face_region[fragments.triangle.clamp(min=0)] & (fragments.triangle >= 0)
        mask = seen[:, None].to(context.body.vertices.dtype)
        return joined([mask, context.normal_map * mask, uv * mask])


class HandMap(Encoder):
    """Projected hand skeletons, five lines from each wrist, through a shallow U-Net."""

    config: HandMapConfig
    bones: Tensor

    def __init__(self, config: HandMapConfig, setup: Setup):
        super().__init__(config, setup)
        self.register_buffer("bones", torch.tensor(HAND_BONES).T[:2].contiguous(), persistent=False)
        self.network = ShallowUNet(5, config.channels)

    def forward(self, context: FrameContext) -> FeatureMap:
        """[B, C, H, W]."""
        return FeatureMap(self.network(self.draw(context)))

    @in_full_precision
    def draw(self, context: FrameContext) -> Tensor:
        """[B, 5, H, W] thumb to little finger, in [0, 1]; both hands share the channels."""
        camera = context.camera
        pixels, depth = camera.project(context.body.hands.flatten(1, 2))
        pixels = pixels.masked_fill(depth[..., None] <= 0, torch.nan).unflatten(1, (2, 21))
        start, end = self.bones
        return draw_segments(
            pixels[:, :, start].flatten(1, 2),
            pixels[:, :, end].flatten(1, 2),
            [finger for _, _, finger in HAND_BONES] * 2,
            5,
            line_width=self.config.line_width * camera.height / 1024,
            height=camera.height,
            width=camera.width,
        )


class FrameCode(Encoder):
    """One style code a training frame; every other frame (index -1) gets the mean code."""

    config: FrameCodeConfig

    def __init__(self, config: FrameCodeConfig, setup: Setup):
        super().__init__(config, setup)
        std = config.size**-0.5
        self.codes = nn.Parameter(std * torch.randn(setup.training_frames, config.size))

    def forward(self, context: FrameContext) -> Vector:
        """[B, C], each code at most of length one."""
        length = self.codes.norm(dim=1, keepdim=True)
        codes = self.codes / length.clamp(min=1.0)
        table = torch.cat([codes, codes.mean(0, keepdim=True)])  # index -1 is the last row
        return Vector(table[context.index])


@in_full_precision
def normal_map(context: FrameContext, fragments: Fragments) -> Tensor:
    """[B, 3, H, W] unit surface normals in camera axes; 0 in the background."""
    normals = context.body.normals @ context.camera.R.mT
    return interpolate(normals, context.body.topology.faces, fragments)


def face_bounds(setup: Setup) -> tuple[Tensor, Tensor]:
    """Smallest and largest (u, v) of the face region; the whole chart where there is no face."""
    topology = setup.body.topology
    uv = topology.uvs[topology.uv_faces[topology.face_region].flatten()]
    return (uv.amin(0), uv.amax(0)) if len(uv) else (torch.zeros(2), torch.ones(2))
