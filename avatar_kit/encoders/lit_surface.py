"""How the light falls on the surface that is seen, for renderers that paint pictures."""

from __future__ import annotations

import torch
from torch import Tensor

from avatar_kit.encoders.config import LightEncoderConfig
from avatar_kit.encoders.kept_light import KeptLight
from avatar_kit.graphics import host_copy, in_full_precision, interpolate
from avatar_kit.interfaces import Setup
from avatar_kit.light import FoundLight, lit_vertices
from avatar_kit.scene import FeatureMap, FrameContext


class LitSurface(KeptLight):
    """The posed normals, and what arrives there of one distant light.

    ``(n, c, c lit)`` with the unit normal n in world axes, where the light stands still,
    ``c = max(n.L, 0)`` for the direction L of the light, and ``lit`` from the shadow map of the
    body. Where no light was found the last two are 0.
    """

    found: Tensor

    def __init__(self, config: LightEncoderConfig, setup: Setup):
        super().__init__(config, setup)
        self.register_buffer("found", torch.zeros((), dtype=torch.bool))
        self._lit: dict[int, Tensor] = {}

    def keep(self, found: FoundLight) -> None:
        """Remember what the search came to."""
        super().keep(found)
        self.found.fill_(found.found)
        self._lit.clear()

    @in_full_precision
    def forward(self, context: FrameContext) -> FeatureMap:
        """[B, 5, H, W]; zero where no surface is seen."""
        body = context.body
        normals = body.normals
        facing = (normals @ self.light.direction).clamp(min=0) * self.found
        lit = self.lit(context) if host_copy(self.found) else torch.zeros_like(facing)
        values = torch.cat([normals, facing[..., None], (facing * lit)[..., None]], dim=-1)
        return FeatureMap(interpolate(values, body.topology.faces, context.fragments))

    @torch.no_grad()
    def lit(self, context: FrameContext) -> Tensor:
        """[B, V] in [0, 1] how much of the light reaches each vertex past the rest of the body.

        Kept for training frames, in steps of 1/255: it takes as long as the visibility pass.
        """
        if not self.training:
            return lit_vertices(context.body, self.light.direction)
        rows = []
        for b, index in enumerate(context.index.tolist()):
            if index < 0:
                rows.append(lit_vertices(context.body[b], self.light.direction))
                continue
            if index not in self._lit:
                found = lit_vertices(context.body[b], self.light.direction)
                self._lit[index] = (255 * found).round().byte()
            rows.append(self._lit[index].to(context.body.vertices) / 255)
        return torch.cat(rows)
