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
        """Build the metric.

        Raises:
            MetricUnavailable: Weights or a package it rests on are not on this machine.
            UserError: The weights are there but are not the genuine ones.
        """
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
        """The value over what was taken in; NaN if there was nothing."""

    def frame_values(self) -> list[float]:
        """The value of every frame taken in, in order, if :meth:`compute` is their mean.

        NaN stands for a frame that has no value, such as the first of a clip in a temporal metric;
        the mean leaves it out. Empty, as here, for metrics of the whole set of frames.
        """
        return []

    @abstractmethod
    def reset(self) -> None:
        """Forget everything."""
