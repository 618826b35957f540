"""What the two splat renderers are asked for beside tensors."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Size of the picture in pixels and limits; see :func:`avatar_kit.graphics.splat`."""

    width: int
    height: int
    eps2d: float
    near: float
    far: float

    @property
    def numbers(self) -> tuple[float, ...]:
        """All of them, as kernels take them."""
        return tuple(float(value) for value in vars(self).values())
