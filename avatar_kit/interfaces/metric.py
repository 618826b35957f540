"""Metric: one number that says how close pictures are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

if TYPE_CHECKING:
    from avatar_kit.config import MetricConfig


class Metric(ABC):
    """Accumulates over frames given in time order.

    Attributes:
        higher_is_better: Direction.
        unit: Unit for tables, e.g. "dB"; empty if it has none.
        weights_sha256: Digest of the weights the metric rests on; None if it needs none.
    """

    higher_is_better: ClassVar[bool]
    unit: ClassVar[str] = ""
    weights_sha256: str | None = None

    def __init__(self, config: MetricConfig):
        self.config = config

    @abstractmethod
    def update(self, prediction: Tensor, target: Tensor, *, new_clip: bool = False) -> None:
        """Take in the next frames.

        Args:
            prediction: [B, 3, H, W] in [0, 1].
            target: [B, 3, H, W] in [0, 1].
            new_clip: The first of these frames does not follow the last one given. Temporal
                metrics start again; the others do not care.
        """

    @abstractmethod
    def compute(self) -> float:
        """The mean over what was taken in; NaN if there was nothing."""

    @abstractmethod
    def reset(self) -> None:
        """Forget everything."""
