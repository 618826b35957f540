"""Who is told how far a training is."""

from __future__ import annotations


class Progress:
    """Told of a training while it runs; this one says nothing."""

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def start(self, done: int, total: int) -> None:
        """The loop begins after ``done`` steps and ends after ``total``."""

    def report(self, step: int, losses: dict[str, float], rate: float, memory_gib: float) -> None:
        """``step`` steps are done, ``rate`` of them a second; the losses are those of the last."""

    def note(self, text: str) -> None:
        """A line that stays."""
