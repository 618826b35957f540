"""A light that is found before the training, and what it does to colours, which is learned."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from avatar_kit.graphics import host_copy
from avatar_kit.light.distant import DistantLight
from avatar_kit.light.search import find_light
from avatar_kit.light.shading import surface_shade
from avatar_kit.light.shadow_map import lit_vertices
from avatar_kit.scene import FrameContext, Plate, SurfaceLight

if TYPE_CHECKING:
    from avatar_kit.interfaces import Samples

#: What the shade of a colour is limited to.
_SHADE = (0.2, 2.0)


class LearnedLight(nn.Module):
    """One distant light, whose direction the shadow on the floor gives away, and a soft one.

    Args:
        self_shadow: Whether the body keeps the distant light from itself.

    Attributes:
        slope: [2] and ``floor``: see :class:`DistantLight`.
        found: Whether a distant light was found; without one nothing is in shadow.
    """

    slope: Tensor
    floor: Tensor
    found: Tensor

    def __init__(self, *, self_shadow: bool = True):
        super().__init__()
        self.self_shadow = self_shadow
        self.register_buffer("slope", torch.zeros(2))
        self.register_buffer("floor", torch.zeros(()))
        self.register_buffer("found", torch.zeros((), dtype=torch.bool))
        self.ambient = nn.Parameter(torch.zeros(8, 3))
        self.direct = nn.Parameter(torch.full((3,), 0.3))
        self._lit: dict[tuple[int, int], np.ndarray] = {}

    def begin(self, samples: Samples, plates: tuple[Plate, ...]) -> None:
        """Look for the distant light."""
        found = find_light(samples, plates)
        self.slope.copy_(found.light.slope)
        self.floor.copy_(found.light.floor)
        self.found.fill_(found.found)

    def forward(
        self, context: FrameContext, normals: Tensor, at_points: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """What the colours of points are multiplied by.

        Args:
            context: B frames.
            normals: [B, N, 3] unit normals at the points, in the pose.
            at_points: Interpolates values at the body's vertices [B, V, C] at the points.

        Returns:
            [B, N, 3].
        """
        direction = DistantLight(self.slope, self.floor).direction
        lit = torch.ones_like(normals[..., 0])
        if self.self_shadow and bool(host_copy(self.found)):
            lit = at_points(self._at_vertices(context, direction)[..., None])[..., 0]
        light = SurfaceLight(direction, self.ambient, self.direct, _SHADE)
        return surface_shade(light, normals, lit)

    @torch.no_grad()
    def _at_vertices(self, context: FrameContext, direction: Tensor) -> Tensor:
        """[B, V] how much of the light reaches each vertex; kept for training frames."""
        if not self.training:
            return lit_vertices(context.body, direction)
        rows = []
        for b, index in enumerate(context.index.tolist()):
            key, keep = (context.person, index), index >= 0
            if keep and key in self._lit:
                kept = torch.from_numpy(self._lit[key]).to(context.body.vertices)
                rows.append(kept / 255)
                continue
            found = lit_vertices(context.body[b], direction)
            if keep:
                self._lit[key] = (255 * found).round().byte().cpu().numpy()
            rows.append(found)
        return torch.cat(rows)
