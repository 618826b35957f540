"""A mean over frames: what all our image metrics share."""

from __future__ import annotations

import math
from abc import abstractmethod

from torch import Tensor

from avatar_kit.config import MetricConfig
from avatar_kit.interfaces import Metric


class FrameMean(Metric):
    """A metric that scores frames one by one and reports the mean.

    Subclasses give :meth:`score`.
    """

    def __init__(self, config: MetricConfig):
        super().__init__(config)
        self.reset()

    @abstractmethod
    def score(self, prediction: Tensor, target: Tensor) -> Tensor:
        """[B] scores of frames [B, 3, H, W] in [0, 1]."""

    def update(self, prediction: Tensor, target: Tensor, *, new_clip: bool = False) -> None:
        """Take in the next frames, in [0, 1]."""
        if prediction.shape != target.shape:
            raise ValueError(
                f"prediction {tuple(prediction.shape)} and target {tuple(target.shape)} differ"
            )
        self._scores += self.score(prediction, target).double().tolist()

    def compute(self) -> float:
        """The mean over all frames; NaN if there were none."""
        return math.fsum(self._scores) / len(self._scores) if self._scores else math.nan

    def frame_values(self) -> list[float]:
        """The score of every frame."""
        return list(self._scores)

    def reset(self) -> None:
        """Forget everything."""
        self._scores: list[float] = []
