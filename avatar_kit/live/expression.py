"""Expressions as they come: against the neutral face, and smoothed by a One-Euro filter."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

#: Of the face: cut-off at rest in hertz, and how much it rises with the speed of a channel.
_CUTOFF_HERTZ, _RISE = 2.5, 1.5


class OneEuro:
    """A low-pass filter whose cut-off rises with speed: calm at rest, quick in motion.

    Casiez, Roussel and Vogel, "1 Euro filter", CHI 2012.

    Args:
        start: The value before the first one, of any shape.
        cutoff: At rest, hertz.
        rise: Hertz for each unit per second.
        speed_cutoff: Of the filter of the speed, hertz.
    """

    def __init__(self, start: np.ndarray, cutoff: float, rise: float, speed_cutoff: float = 1.5):
        self.value, self._speed = start, np.zeros_like(start)
        self.cutoff, self.rise, self.speed_cutoff = cutoff, rise, speed_cutoff

    def step(self, wanted: np.ndarray, seconds: float) -> np.ndarray:
        """The filtered value, ``seconds`` after the one before."""
        change = (wanted - self.value) / seconds
        self._speed = self._speed + _gain(self.speed_cutoff, seconds) * (change - self._speed)
        cutoff = self.cutoff + self.rise * np.abs(self._speed)
        self.value = self.value + _gain(cutoff, seconds) * (wanted - self.value)
        return self.value


class ExpressionFilter:
    """The 52 channels of one performer, relative to the neutral face.

    Args:
        neutral: [52] what the tracker reads from the face at rest, in [0, 1].
    """

    def __init__(self, neutral: np.ndarray):
        self.neutral = neutral.astype(np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget the past: the face is at rest."""
        self._filter = OneEuro(np.zeros_like(self.neutral), _CUTOFF_HERTZ, _RISE)

    def step(self, channels: np.ndarray, confidence: float, seconds: float) -> np.ndarray:
        """[52] the expression now, in [0, 1].

        Args:
            channels: [52] as the tracker gives them; what is not finite keeps its value.
            confidence: Of the expression, in [0, 1]; a face that is hardly seen fades to rest.
            seconds: Since the frame before.
        """
        room = np.maximum(1 - self.neutral, 0.1)
        wanted = ((channels - self.neutral) / room).clip(0, 1) * min(1.5 * confidence, 1.0)
        wanted = np.where(np.isfinite(wanted), wanted, self._filter.value)
        return self._filter.step(wanted, seconds).clip(0, 1).astype(np.float32)


def _gain(cutoff: Any, seconds: float) -> Any:
    """Share of the way to a new value that a low-pass filter goes."""
    turned = 2 * math.pi * cutoff * seconds
    return turned / (turned + 1)
