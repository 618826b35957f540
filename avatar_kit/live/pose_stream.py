"""Poses that come now and then, at any time in between."""

from __future__ import annotations

from dataclasses import dataclass, replace

from avatar_kit.aligners.blend import blend
from avatar_kit.scene import Motion
from avatar_kit.scene.motion import mixed

#: Seconds between poses before two have come, and the longest that one is taken to.
_USUAL, _LONGEST = 1 / 15, 0.25
#: Share of a new interval in the mean.
_NEWS = 0.2
#: Seconds that a movement is continued beyond the newest pose. The picture is that much less late;
#: up to here it is also closer to the performer, since straight lines between poses lag behind.
_AHEAD = 0.02


@dataclass(frozen=True)
class _Leg:
    """From one pose to another: when it was set out on, and when it ends."""

    source: Motion
    target: Motion
    source_time: float
    target_time: float
    begins: float
    seconds: float


class PoseStream:
    """Between the pose that is shown and the newest one, at the pace at which poses come.

    A pose is reached when the next one is expected: movement is even, at the price of the time
    between two poses. Where no pose comes, the last one stays.
    """

    def __init__(self):
        self._leg: _Leg | None = None
        self._newest: tuple[Motion, float] | None = None
        self._interval = _USUAL
        self._came: float | None = None

    def __bool__(self) -> bool:
        return self._leg is not None

    def add(self, motion: Motion, time: float, now: float, *, new: bool = False) -> None:
        """A pose has come.

        Args:
            motion: One frame.
            time: When the performer was so, on a clock of its own.
            now: When it came, seconds.
            new: Go there at once: it does not follow from the pose before.
        """
        if self._came is not None and not new:
            seconds = min(max(now - self._came, 1e-3), _LONGEST)
            self._interval += _NEWS * (seconds - self._interval)
        self._came = now
        before = None if new else self._newest
        self._newest = motion, time
        if before is not None:
            motion, time = _continued(before, self._newest)
        if self._leg is None or new:
            self._leg = _Leg(motion, motion, time, time, now, 0.0)
            return
        shown, shown_time = self.at(now)
        self._leg = _Leg(shown, motion, shown_time, time, now, self._interval)

    def at(self, now: float) -> tuple[Motion, float]:
        """The pose to show, and when the performer was so; only after a pose has come."""
        leg = self._leg
        assert leg is not None
        share = 1.0 if leg.seconds <= 0 else min(1.0, (now - leg.begins) / leg.seconds)
        time = leg.source_time + share * (leg.target_time - leg.source_time)
        return blend(leg.source, leg.target, max(0.0, share)), time

    def moves(self, since: float) -> bool:
        """Whether the pose has changed after a moment at which it was shown."""
        return self._leg is not None and since < self._leg.begins + self._leg.seconds


def _continued(before: tuple[Motion, float], newest: tuple[Motion, float]) -> tuple[Motion, float]:
    """The newest pose and its time, moved on as it has moved since the pose before."""
    seconds = newest[1] - before[1]
    if not 0 < seconds <= _LONGEST:
        return newest
    motion = mixed(before[0], newest[0], newest[0].transl.new_tensor([1 + _AHEAD / seconds]))
    expression, confidence = motion.expression.clamp(0, 1), motion.confidence.clamp(0, 1)
    return replace(motion, expression=expression, confidence=confidence), newest[1] + _AHEAD
