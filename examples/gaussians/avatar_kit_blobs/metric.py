"""The metric: how well edges are met."""

from __future__ import annotations

import math

from torch import Tensor

from avatar_kit.interfaces import Metric
from avatar_kit_blobs.config import EdgesConfig


class Edges(Metric):
    """Of steps between neighbouring pixels, in grey levels of 255; 0 for equal pictures."""

    higher_is_better = False
    unit = "/255"

    def __init__(self, config: EdgesConfig):
        super().__init__(config)
        self.reset()

    def update(self, prediction: Tensor, target: Tensor, *, new_clip: bool = False) -> None:
        """Take in frames [B, 3, H, W] in [0, 1]."""
        off = (prediction.double() - target.double()).mean(1)
        down, right = off.diff(dim=1).abs(), off.diff(dim=2).abs()
        self._errors += (127.5 * (down.flatten(1).mean(1) + right.flatten(1).mean(1))).tolist()

    def compute(self) -> float:
        """The mean over all frames; NaN without any."""
        return math.fsum(self._errors) / len(self._errors) if self._errors else math.nan

    def frame_values(self) -> list[float]:
        """The error of every frame."""
        return list(self._errors)

    def reset(self) -> None:
        """Forget everything."""
        self._errors: list[float] = []
