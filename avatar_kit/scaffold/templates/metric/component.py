"""The metric: one number that says how close pictures are."""

from __future__ import annotations

import math
from typing import ClassVar

from avatar_kit_myplugin.config import MyPluginConfig
from torch import Tensor

from avatar_kit.interfaces import Metric


class MyPlugin(Metric):
    """Mean absolute error, 0 for equal pictures, 255 for black against white."""

    higher_is_better: ClassVar[bool] = False
    unit: ClassVar[str] = "/255"

    def __init__(self, config: MyPluginConfig):
        super().__init__(config)
        self.reset()

    def update(self, prediction: Tensor, target: Tensor, *, new_clip: bool = False) -> None:
        """Take in frames [B, 3, H, W] in [0, 1]."""
        error = (prediction.double() - target.double()).abs().flatten(1).mean(1)
        self._errors += (255 * error).tolist()

    def compute(self) -> float:
        """The mean over all frames; NaN without any."""
        return math.fsum(self._errors) / len(self._errors) if self._errors else math.nan

    def frame_values(self) -> list[float]:
        """The error of every frame."""
        return list(self._errors)

    def reset(self) -> None:
        """Forget everything."""
        self._errors: list[float] = []
