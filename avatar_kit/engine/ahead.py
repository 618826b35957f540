"""Reading ahead: what the next steps need is read while a step is computed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")

#: Steps that are read ahead at most: so much memory it takes, however long the training.
STEPS_AHEAD = 2


class ReadAhead(Generic[T]):
    """Calls a function of the step in a thread, for the steps that come next. A context manager.

    What it returns does not depend on being ahead: the same function of the same step.

    Args:
        read: Takes a step; safe to call from another thread.
        stop: The first step that is not wanted.
    """

    def __init__(self, read: Callable[[int], T], stop: int):
        self._read, self._stop = read, stop
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
        self._pending: dict[int, Future[T]] = {}

    def __enter__(self) -> ReadAhead[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def get(self, step: int) -> T:
        """What was read for a step; the steps after it are begun."""
        for ahead in range(step, min(self._stop, step + 1 + STEPS_AHEAD)):
            if ahead not in self._pending:
                self._pending[ahead] = self._pool.submit(self._read, ahead)
        found = self._pending.pop(step)
        return found.result()
