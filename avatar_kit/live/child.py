"""A process of a session, and the way to it."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from avatar_kit.live.messages import Order

#: Seconds in which a process must end by itself.
_PATIENCE = 10.0


class Child:
    """A process that is started, and started again after it died.

    Args:
        name: For messages to a person.
        work: What it runs: takes its end of the link, and the settings.
        settings: Of ``work``.

    Attributes:
        link: To it; None while there is none.
        started: Whether it said that it has loaded everything.
        deaths: When it died, seconds of ``time.monotonic``.
        last_words: The last thing it said was wrong.
    """

    def __init__(self, name: str, work: Callable[..., None], settings: Any):
        self.name, self.work, self.settings = name, work, settings
        self.deaths: list[float] = []
        self.started = False
        self.last_words = ""
        self.link: Connection | None = None

    def start(self) -> None:
        """Start it; returns at once."""
        context = multiprocessing.get_context("spawn")
        self.link, other = context.Pipe()
        self.process = context.Process(
            target=self.work, args=(other, self.settings), name=self.name, daemon=True
        )
        self.process.start()
        other.close()
        self.started = False

    def send(self, message: Any) -> None:
        """Send a message; nothing where it is not there."""
        if self.link is None:
            return
        with contextlib.suppress(OSError):  # it died: its end is being noticed elsewhere
            self.link.send(message)

    def close(self) -> None:
        """Nothing is heard of it any more."""
        if self.link is not None:
            self.link.close()
            self.link = None

    def end(self) -> None:
        """Wait for the process to end itself; not for ever."""
        if self.link is None:
            return
        self.send(Order("end"))
        self.process.join(_PATIENCE)
        if self.process.is_alive():
            self.process.terminate()
            self.process.join(1)
