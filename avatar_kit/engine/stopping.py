"""What ends a training early: signals, and an output that nobody reads any more."""

from __future__ import annotations

import errno
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: Saved, start me again: EX_TEMPFAIL of sysexits(3), what SIGUSR1 ends with.
TRY_AGAIN = 75

#: The number of SIGPIPE, which stands for a closed output; not every system has the signal.
PIPE = 13

#: SIGUSR1 is what a scheduler sends some time before it ends a job.
_ASKS_TO_STOP = ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1")


class StopSignal:
    """True once a signal asked for the end, or nobody listens any more. A context manager.

    SIGTERM, SIGINT (Ctrl-C), SIGHUP (the terminal was closed) and SIGUSR1 ask; one that the
    process was told to ignore, as by ``nohup``, stays ignored. A Ctrl-C after any of them ends at
    once.

    Attributes:
        received: The first signal; None while there was none.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._old: dict[int, Any] = {}

    def __bool__(self) -> bool:
        return self.received is not None

    def __enter__(self) -> StopSignal:
        if threading.current_thread() is not threading.main_thread():
            return self  # signals reach the main thread alone
        for number in _known():
            if signal.getsignal(number) != signal.SIG_IGN:
                self._old[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    @contextmanager
    def on_closed_output(self) -> Iterator[None]:
        """Within it an output that was closed asks for the end, too."""
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):  # a pipe; a terminal that is gone
                raise
            self._ask(PIPE)

    def _receive(self, number: int, _frame: object) -> None:
        if self.received is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._ask(number)

    def _ask(self, number: int) -> None:
        if self.received is None:
            self.received = number


@contextmanager
def ended_by_schedulers() -> Iterator[None]:
    """Outside the loop, where nothing is to be saved: SIGUSR1 ends with :data:`TRY_AGAIN`."""

    def end(_number: int, _frame: object) -> None:
        raise SystemExit(TRY_AGAIN)

    number = getattr(signal, "SIGUSR1", None)
    if number is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, end)
    try:
        yield
    finally:
        signal.signal(number, before)


def exit_code(number: int) -> int:
    """What the process ends with after a signal: 128 and its number, as a shell says it."""
    return TRY_AGAIN if number == getattr(signal, "SIGUSR1", None) else 128 + number


def _known() -> list[signal.Signals]:
    """Those that this system has."""
    return [getattr(signal, name) for name in _ASKS_TO_STOP if hasattr(signal, name)]
