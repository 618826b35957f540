"""Expressions as they come: against the neutral face, and smoothed by a One-Euro filter."""

from __future__ import annotations

import math

import numpy as np

#: Cut-off of a face that rests, hertz; how much it rises with the speed of a channel; cut-off of
#: that speed. Casiez, Roussel and Vogel, "1 Euro filter", CHI 2012.
_CUTOFF_HERTZ, _RISE, _SPEED_HERTZ = 2.5, 1.5, 1.5


class ExpressionFilter:
    """The 52 channels of one performer, relative to the neutral face.

    Args:
        neutral: [52] what the tracker reads from the face at rest, in [0, 1].
    """

    def __init__(self, neutral: np.ndarray):
        self.neutral = neutral.astype(np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget the past."""
        self.value = np.zeros_like(self.neutral)
        self._speed = np.zeros_like(self.neutral)

    def step(self, channels: np.ndarray, confidence: float, seconds: float) -> np.ndarray:
        """[52] the expression now.

        Args:
            channels: [52] as the tracker gives them; what is not finite keeps its value.
            confidence: Of the expression, in [0, 1]; a face that is hardly seen fades to rest.
            seconds: Since the frame before.
        """
        room = np.maximum(1 - self.neutral, 0.1)
        wanted = ((channels - self.neutral) / room).clip(0, 1) * min(1.5 * confidence, 1.0)
        wanted = np.where(np.isfinite(wanted), wanted, self.value).astype(np.float32)
        change = (wanted - self.value) / seconds
        self._speed += _gain(_SPEED_HERTZ, seconds) * (change - self._speed)
        cutoff = _CUTOFF_HERTZ + _RISE * np.abs(self._speed)
        self.value = self.value + _gain(cutoff, seconds) * (wanted - self.value)
        return self.value


def _gain(cutoff, seconds: float):
    """Share of the way to a new value that a low-pass filter goes."""
    turned = 2 * math.pi * cutoff * seconds
    return turned / (turned + 1)
