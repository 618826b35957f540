"""What a renderer returns."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class RenderOutput:
    """B rendered frames.

    Attributes:
        rgb: [B, 3, H, W], nominally in [0, 1]; not clamped, so that losses keep their gradient.
        alpha: [B, 1, H, W] in [0, 1], or None where the renderer paints the background.
        extras: Named intermediate pictures or features a method or a viewer may look at.
    """

    rgb: Tensor
    alpha: Tensor | None = None
    extras: dict[str, Tensor] = field(default_factory=dict)
