"""Names that a package exports without importing their modules (PEP 562)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazy_exports(
    package: str, where: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """``__getattr__``, ``__dir__`` and ``__all__`` of a package that imports nothing heavy.

    Args:
        package: The package's ``__name__``, for the error of an unknown name.
        where: Exported name -> module that defines it.
    """

    def getattribute(name: str) -> Any:
        if name not in where:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        return getattr(importlib.import_module(where[name]), name)

    names = sorted(where)
    return getattribute, lambda: names, names
