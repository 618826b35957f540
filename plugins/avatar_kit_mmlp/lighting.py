"""One distant light and a soft one on Gaussians that follow a body."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from avatar_kit.gaussians import Skin
from avatar_kit.interfaces import Samples
from avatar_kit.light import DistantLight, find_light, lit_vertices, surface_shade
from avatar_kit.scene import FrameContext, Plate, SurfaceLight

#: What the shade of a colour is limited to.
_SHADE = (0.2, 2.0)


class BodyLight(nn.Module):
    """A light that is found before training, and learned coefficients of what it does.

    Attributes:
        slope: [2] and ``floor``: see :class:`~avatar_kit.light.DistantLight`.
        found: Whether a distant light was found; without one nothing is in shadow.
    """

    slope: Tensor
    floor: Tensor
    found: Tensor

    def __init__(self, self_shadow: bool):
        super().__init__()
        self.self_shadow = self_shadow
        self.register_buffer("slope", torch.zeros(2))
        self.register_buffer("floor", torch.zeros(()))
        self.register_buffer("found", torch.zeros((), dtype=torch.bool))
        self.ambient = nn.Parameter(torch.zeros(8, 3))
        self.direct = nn.Parameter(torch.full((3,), 0.3))
        self._lit: dict[tuple[int, int], np.ndarray] = {}

    def begin(self, samples: Samples, plates: tuple[Plate, ...]) -> None:
        """Look for the light."""
        found = find_light(samples, plates)
        self.slope.copy_(found.light.slope)
        self.floor.copy_(found.light.floor)
        self.found.fill_(found.found)

    def forget(self) -> None:
        """Drop what was kept of training frames: the Gaussians are others."""
        self._lit.clear()

    def forward(self, context: FrameContext, normals: Tensor, skin: Skin) -> Tensor:
        """[B, N, 3] what the colours of Gaussians with unit normals [B, N, 3] are multiplied by."""
        direction = DistantLight(self.slope, self.floor).direction
        lit = torch.ones_like(normals[..., 0])
        if self.self_shadow and bool(self.found):
            lit = self._arriving(context, direction, skin)
        light = SurfaceLight(direction, self.ambient, self.direct, _SHADE)
        return surface_shade(light, normals, lit)

    @torch.no_grad()
    def _arriving(self, context: FrameContext, direction: Tensor, skin: Skin) -> Tensor:
        """[B, N] how much of the light reaches each Gaussian; kept for training frames."""
        rows = []
        for b, index in enumerate(context.index.tolist()):
            key, keep = (context.person, index), self.training and index >= 0
            if not keep or key not in self._lit:
                at_vertices = lit_vertices(context.body[b], direction)
                found = skin.at_vertices(at_vertices[..., None])[..., 0]
                if not keep:
                    rows.append(found)
                    continue
                self._lit[key] = (255 * found).round().byte().cpu().numpy()
            rows.append(torch.from_numpy(self._lit[key]).to(context.body.vertices) / 255)
        return torch.cat(rows)
