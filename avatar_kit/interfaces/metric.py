"""Metric: one number that says how close pictures are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

if TYPE_CHECKING:
    from avatar_kit.config import MetricConfig


class Metric(ABC):
    """Accumulates a value over frames in time order.

    Attributes:
        higher_is_better: Whether a higher value is better.
        unit: Unit for tables, e.g. "dB"; empty if it has none.
        weights_sha256: Digest of the weights that the metric uses; None if it needs none.
    """

    higher_is_better: ClassVar[bool]
    unit: ClassVar[str] = ""
    weights_sha256: str | None = None

    def __init__(self, config: MetricConfig):
        """Build the metric.

        Raises:
            MetricUnavailable: Weights or a package that it needs are not installed.
            UserError: The weights exist but have the wrong sha256.
        """
        self.config = config

    @abstractmethod
    def update(self, prediction: Tensor, target: Tensor, *, new_clip: bool = False) -> None:
        """Add the next frames.

        Args:
            prediction: [B, 3, H, W] in [0, 1].
            target: [B, 3, H, W] in [0, 1].
            new_clip: Whether the first of these frames does not follow the last frame added.
                Temporal metrics then start again; other metrics ignore it.
        """

    @abstractmethod
    def compute(self) -> float:
        """The value over all added frames; NaN if there are none."""

    def frame_values(self) -> list[float]:
        """The value of every added frame, in order, if :meth:`compute` is their mean.

        A frame without a value, such as the first of a clip in a temporal metric, is NaN and does
        not count in the mean. Default: empty, for metrics of the whole set of frames.
        """
        return []

    @abstractmethod
    def reset(self) -> None:
        """Remove all added frames."""
