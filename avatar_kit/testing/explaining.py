"""An exception inside a component, told to its author: where, what was handed in, what is asked."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import avatar_kit

_OURS = f"{Path(avatar_kit.__file__).parent}{os.sep}"


def described(error: BaseException, kind: str) -> str:
    """One line: the exception, its place in the component, the arguments there, the contract.

    Args:
        error: What was raised.
        kind: Kind of the component.
    """
    text = " ".join(f"{type(error).__name__}: {error}".split())
    frames = [(f, n) for f, n in _walk(error.__traceback__) if _is_foreign(f)]
    if not frames:
        called = re.search(r"(\w+)\(\) (?:got|missing|takes) ", text)
        return f"{text}{_signature(kind, called[1])}" if called else text
    last, number = frames[-1]
    entered = frames[0][0]
    text += f" ({last.f_code.co_filename}:{number})"
    name = entered.f_code.co_name
    handed = ", ".join(f"{key}={_shape(value)}" for key, value in _arguments(entered))
    text += f"; {name} was given {handed or 'nothing'}"
    asked = _contract(kind, name)
    return f"{text}; the contract: {asked}" if asked else text


def _walk(trace: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _is_foreign(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    return not (file.startswith((_OURS, "<")) or "site-packages" in _relative(file))


def _relative(file: str) -> str:
    """The path, or nothing of it where it is a plugin's, which may be installed there, too."""
    return "" if "avatar_kit_" in file else file


def _arguments(frame: FrameType) -> Iterator[tuple[str, Any]]:
    code = frame.f_code
    count = code.co_argcount + code.co_kwonlyargcount
    for name in code.co_varnames[:count]:
        if name not in ("self", "cls") and name in frame.f_locals:
            yield name, frame.f_locals[name]


def _shape(value: Any) -> str:
    """What a value is, shortly: a tensor by its shape, a mapping by its entries."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{list(value.shape)} {str(value.dtype).removeprefix('torch.')}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {_shape(v)}" for k, v in list(value.items())[:4]) + "}"
    if isinstance(value, str | int | float | bool | None):
        return repr(value)
    inner = getattr(value, "values", None)
    if inner is not None and hasattr(inner, "shape"):
        return f"{type(value).__name__} {list(inner.shape)}"
    return type(value).__name__


def _asked(kind: str, name: str) -> Any:
    """A method as the interface of the kind has it, or None."""
    interface = getattr(import_module("avatar_kit.interfaces"), kind.capitalize(), None)
    return getattr(interface, name, None)


def _signature(kind: str, name: str) -> str:
    """How the interface of the kind writes a method; empty if it has none."""
    asked = _asked(kind, name)
    return f"; the contract: {name}{inspect.signature(asked)}" if callable(asked) else ""


def _contract(kind: str, name: str) -> str:
    """The first line of what the interface of the kind says of a method; empty if it has none."""
    found = inspect.getdoc(_asked(kind, name)) if name != "__init__" else None
    return (found or "").strip().partition("\n")[0].rstrip(".")
