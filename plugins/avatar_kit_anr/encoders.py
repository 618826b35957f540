"""What ANR and DNR tell their renderers: a neural texture, and normals."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from avatar_kit.graphics import sample_texture
from avatar_kit.interfaces import Encoder, Setup
from avatar_kit.scene import FeatureMap, FrameContext
from avatar_kit_anr.config import SurfaceNormalsConfig, UvTextureConfig
from avatar_kit_anr.view import view_basis

#: Seed of every texture. Persons must start alike: else the networks, which are shared and much
#: larger, would tell them apart by the noise they began with (ANR, section 3.4, regularisation).
_TEXTURE_SEED = 20210620


class UvTexture(Encoder):
    """A neural texture in the body's UV layout: one level (ANR), or a Laplacian pyramid (DNR).

    Exactly zero where no surface is seen.
    """

    config: UvTextureConfig

    def __init__(self, config: UvTextureConfig, setup: Setup):
        super().__init__(config, setup)
        generator = torch.Generator().manual_seed(_TEXTURE_SEED)
        sides = [config.size // 2**level for level in range(config.levels)]
        self.levels = nn.ParameterList(
            nn.Parameter(
                (2 * torch.rand(1, config.channels, side, side, generator=generator) - 1)
                / config.levels
            )
            for side in sides
        )
        cast(Any, self).to(memory_format=torch.channels_last)  # torch 2.13 does not type it

    def charts(self) -> list[nn.Parameter]:
        """Every level."""
        return list(self.levels)

    def forward(self, context: FrameContext) -> FeatureMap:
        """[B, C, H, W]."""
        fragments = context.fragments
        uv = context.uv_map
        if self.training and self.config.jitter:
            uv = jittered(uv, self.config.jitter)
        features = torch.stack([sample_texture(t, uv, fragments.mask) for t in self.levels]).sum(0)
        if self.config.view_basis:
            plain, viewed, rest = features.split([3, 9, self.config.channels - 12], dim=1)
            features = torch.cat([plain, viewed * view_basis(context), rest], dim=1)
        return FeatureMap(features)


class SurfaceNormals(Encoder):
    """The rasterised normals of the body."""

    config: SurfaceNormalsConfig

    def forward(self, context: FrameContext) -> FeatureMap:
        """[B, 3, H, W] in camera axes; zero in the background."""
        return FeatureMap(context.normal_map)


def jittered(uv: Tensor, reach: float) -> Tensor:
    """Texture coordinates with uniform noise, kept inside the texture (ANR, section 3.4).

    Args:
        uv: [B, 2, H, W] in [0, 1].
        reach: Largest shift, where the texture spans [-1, 1] as in the paper.
    """
    return (uv + (torch.rand_like(uv) - 0.5) * reach).clamp(0, 1)
