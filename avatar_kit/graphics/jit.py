"""Compiled CPU kernels and the threads that run them.

Kernels release the GIL and run on a plain thread pool. Numba's own ``prange`` is not used: its
threading layers either abort when two Python threads call them at once or forbid a later fork,
and a live viewer does the first while a data loader does the second.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numba
import numpy as np
import torch

_pool: ThreadPoolExecutor | None = None


def kernel(function: Callable) -> Callable:
    """Compile on first use, keep the machine code on disk, release the GIL while running.

    The code is kept beside the source, or in numba's user cache where that is read-only
    (``NUMBA_CACHE_DIR`` moves it). Where neither can be written it lives in memory only.
    Numba looks for changes in a kernel's own file alone: touch it after changing what it calls.
    """
    try:
        compiled = numba.njit(nogil=True, error_model="numpy", cache=True)(function)
    except RuntimeError:  # numba found no folder it may write to
        compiled = numba.njit(nogil=True, error_model="numpy")(function)
    return compiled


def threads() -> int:
    """How many threads a kernel is split over: torch's count (``OMP_NUM_THREADS``)."""
    return torch.get_num_threads()


def in_parallel(function: Callable, calls: Iterable[tuple[Any, ...]]) -> None:
    """Call ``function(*arguments)`` for each of ``calls``, at the same time, and wait for all."""
    calls = list(calls)
    if not calls:
        return
    first, *others = calls
    futures = [_executor().submit(function, *arguments) for arguments in others]
    function(*first)
    for future in futures:
        future.result()


def in_turns(function: Callable, calls: Iterable[tuple[Any, ...]]) -> None:
    """:func:`in_parallel` for more calls than threads: a thread that is free takes the next."""
    waiting = iter(list(calls))  # threads may share the iterator of a list

    def work() -> None:
        for arguments in waiting:
            function(*arguments)

    in_parallel(work, [()] * threads())


def blank(shape: tuple[int, ...], dtype: Any, value: float = 0) -> np.ndarray:
    """An array filled with ``value``.

    Not ``np.zeros``: numpy asks for huge pages in ``np.empty`` only, and faulting small pages in
    costs several times more than filling huge ones (measured: 50 MB in 6 ms against 55 ms).
    """
    array = np.empty(shape, dtype)
    array.fill(value)
    return array


def spans(length: int, pieces: int) -> list[tuple[int, int]]:
    """``range(length)`` cut into at most ``pieces`` (start, stop) spans of about equal length."""
    pieces = max(1, min(pieces, length))
    edges = [length * i // pieces for i in range(pieces + 1)]
    return list(pairwise(edges))


def _executor() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="avatar-kit-graphics")
    return _pool


def _forget_pool() -> None:
    global _pool
    _pool = None  # a forked child has the object and not its threads


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)
