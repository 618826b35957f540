"""Geometry keeps its precision where the networks compute in a smaller one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


def in_full_precision(function: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """Decorator for functions that compute geometry: autocast is off while they run.

    A bfloat16 has 8 bits: a key point in a picture 1024 high is rounded to up to 4 pixels.
    """

    @wraps(function)
    def run(*args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
        with ExitStack() as stack:
            for device in ("cpu", "cuda"):
                if torch.is_autocast_enabled(device):
                    stack.enter_context(torch.autocast(device, enabled=False))
            return function(*args, **kwargs)

    return run
