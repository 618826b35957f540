"""What ends a training early: signals, and an output that nobody reads any more."""

from __future__ import annotations

import errno
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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
        self._within = ExitStack()

    def __bool__(self) -> bool:
        return self.received is not None

    def __enter__(self) -> StopSignal:
        wanted = [n for n in _ASKS_TO_STOP if not _is_ignored(n)]
        self._within.enter_context(handled(self._receive, *wanted))
        return self

    def __exit__(self, *_: object) -> None:
        self._within.close()

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

    with handled(end, "SIGUSR1"):
        yield


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Within it SIGTERM is a KeyboardInterrupt, as Ctrl-C is."""
    with handled(signal.default_int_handler, "SIGTERM"):
        yield


@contextmanager
def handled(handler: Callable[[int, Any], object], *names: str) -> Iterator[None]:
    """Within it some signals go to a handler; afterwards to whom they went before.

    Outside the main thread nothing changes: signals reach the main thread only.

    Args:
        handler: Takes the number of the signal and the frame that it interrupted.
        names: Of the signals, e.g. SIGTERM. Those that this system lacks are left out.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, signal.SIG_DFL if old is None else old)


def exit_code(number: int) -> int:
    """What the process ends with after a signal: 128 and its number, as a shell says it."""
    return TRY_AGAIN if number == getattr(signal, "SIGUSR1", None) else 128 + number


def _is_ignored(name: str) -> bool:
    """Whether the process was told to ignore a signal, as by ``nohup``."""
    number = getattr(signal, name, None)
    return number is not None and signal.getsignal(number) == signal.SIG_IGN
