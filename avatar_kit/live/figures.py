"""Figures of a live session: how long its stages take, how often, how late."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

#: Values that a median is taken over.
_KEPT = 500
#: Seconds that a rate is taken over.
_RATE_SECONDS = 3.0


def quantile(values: Sequence[float], share: float) -> float:
    """A quantile of some values; NaN of none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass
class Spread:
    """The last values of a quantity."""

    values: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def add(self, value: float) -> None:
        """One more."""
        self.values.append(value)

    @property
    def median(self) -> float:
        """NaN where there is none."""
        return quantile(list(self.values), 0.5)

    @property
    def high(self) -> float:
        """What 95 % are below."""
        return quantile(list(self.values), 0.95)


@dataclass
class Rate:
    """How often something happens a second."""

    total: int = 0
    times: deque[float] = field(default_factory=deque)

    def tick(self) -> None:
        """It happened."""
        now = time.monotonic()
        self.total += 1
        self.times.append(now)
        while now - self.times[0] > _RATE_SECONDS:
            self.times.popleft()

    @property
    def now(self) -> float:
        """Times a second, lately."""
        if len(self.times) < 2 or time.monotonic() - self.times[-1] > _RATE_SECONDS:
            return 0.0
        return (len(self.times) - 1) / max(self.times[-1] - self.times[0], 1e-6)


@dataclass
class Figures:
    """Of a session.

    Attributes:
        frames: Frames that were tracked.
        received: Poses and faces that another program sent.
        pictures: Pictures that were drawn.
        track: Milliseconds of the tracker.
        solve: Milliseconds of the solver.
        read: Milliseconds of reading the packets of a pose or a face.
        draw: Milliseconds from a pose to a picture.
        encode: Milliseconds to a JPEG.
        latency: Seconds from the performer's being so to the picture that shows it.
        dropped: Frames and received poses that nobody looked at, for newer ones came.
        lost: Frames in which the performer was lost.
        refused: Packets that made no sense.
        recorded: Seconds that were recorded; None where nothing is.
    """

    frames: Rate = field(default_factory=Rate)
    received: Rate = field(default_factory=Rate)
    pictures: Rate = field(default_factory=Rate)
    track: Spread = field(default_factory=Spread)
    solve: Spread = field(default_factory=Spread)
    read: Spread = field(default_factory=Spread)
    draw: Spread = field(default_factory=Spread)
    encode: Spread = field(default_factory=Spread)
    latency: Spread = field(default_factory=Spread)
    dropped: int = 0
    lost: int = 0
    refused: int = 0
    recorded: float | None = None

    def forget(self) -> None:
        """Begin anew: what came before was start-up."""
        self.__init__()  # type: ignore[misc]

    def summary(self) -> dict[str, Any]:
        """For a page: numbers, or null."""
        values = {
            "pictures": self.pictures.now,
            "frames": self.frames.now,
            "received": self.received.now,
            "latency": 1e3 * self.latency.median,
            "latency_high": 1e3 * self.latency.high,
            "track": self.track.median,
            "solve": self.solve.median,
            "read": self.read.median,
            "draw": self.draw.median,
        }
        rounded = {k: None if v != v else round(v, 1) for k, v in values.items()}
        return {
            **rounded,
            "dropped": self.dropped,
            "lost": self.lost,
            "refused": self.refused,
            "recorded": self.recorded,
        }
