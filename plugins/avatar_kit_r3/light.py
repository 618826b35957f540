"""A light that is found and learned, for colours that stay."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from avatar_kit.gaussians import Attachment
from avatar_kit.interfaces import Samples
from avatar_kit.light import DistantLight, find_light, lit_vertices, surface_shade
from avatar_kit.scene import FrameContext, Plate, SurfaceLight

#: What the shade of a colour is limited to.
_SHADE = (0.2, 2.0)


class LearnedLight(nn.Module):
    """One distant light, whose direction the shadow on the floor gives away, and a soft one."""

    slope: Tensor
    floor: Tensor
    found: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("slope", torch.zeros(2))
        self.register_buffer("floor", torch.zeros(()))
        self.register_buffer("found", torch.zeros((), dtype=torch.bool))
        self.ambient = nn.Parameter(torch.zeros(8, 3))
        self.direct = nn.Parameter(torch.full((3,), 0.3))
        self._lit: dict[int, np.ndarray] = {}

    def begin(self, samples: Samples, plates: tuple[Plate, ...]) -> None:
        """Look for the distant light."""
        found = find_light(samples, plates)
        self.slope.copy_(found.light.slope)
        self.floor.copy_(found.light.floor)
        self.found.fill_(found.found)

    def forward(self, context: FrameContext, normals: Tensor, ties: Attachment) -> Tensor:
        """[B, N, 3] what colours of Gaussians are multiplied by.

        Args:
            context: B frames.
            normals: [B, N, 3] unit normals of the posed surface.
            ties: How the Gaussians hang on the body.
        """
        direction = DistantLight(self.slope, self.floor).direction
        lit = torch.ones_like(normals[..., 0])
        if self.found:
            lit = ties.at_vertices(self.lit(context, direction)[..., None])[..., 0]
        light = SurfaceLight(direction, self.ambient, self.direct, _SHADE)
        return surface_shade(light, normals, lit)

    @torch.no_grad()
    def lit(self, context: FrameContext, direction: Tensor) -> Tensor:
        """[B, V] how much of the light reaches each vertex; kept for training frames."""
        rows = []
        for b, index in enumerate(context.index.tolist()):
            keep = self.training and index >= 0
            if keep and index in self._lit:
                kept = torch.from_numpy(self._lit[index]).to(context.body.vertices)
                rows.append(kept / 255)
                continue
            found = lit_vertices(context.body[b], direction)
            if keep:
                self._lit[index] = (255 * found).round().byte().cpu().numpy()
            rows.append(found)
        return torch.cat(rows)
