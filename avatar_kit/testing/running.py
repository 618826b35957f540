"""The checks without pytest: what ``avatar-kit plugins check`` runs."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from avatar_kit.errors import UserError
from avatar_kit.registry import Component, catalog
from avatar_kit.testing.conformance import Broken, Conformance, NotApplicable
from avatar_kit.testing.explaining import described


@dataclass(frozen=True)
class Outcome:
    """How one check ended.

    Attributes:
        check: Name of the method.
        demand: What must hold.
        status: "failed" is the component's fault, "error" an exception inside the component.
        reason: What was found, or why the check does not apply.
        seconds: Time it took.
    """

    check: str
    demand: str
    status: Literal["passed", "failed", "error", "skipped"]
    reason: str
    seconds: float

    @property
    def bad(self) -> bool:
        """Whether the component must be mended."""
        return self.status in ("failed", "error")


def conformance_class(kind: str) -> type[Conformance]:
    """The checks of a kind."""
    return getattr(import_module(f"avatar_kit.testing.{kind}"), f"{kind.capitalize()}Conformance")


def checks_of(cls: type[Conformance]) -> list[str]:
    """Names of the checks: those of all kinds first, each class in the order it is written."""
    names: dict[str, None] = {}
    for base in reversed(cls.__mro__):
        names |= {n: None for n in vars(base) if n.startswith("test_")}
    return [n for n in names if callable(getattr(cls, n, None))]


def check_component(
    component: Component, options: dict[str, Any], only: Collection[str] = ()
) -> Iterator[Outcome]:
    """Run the checks on a component, one after another.

    Args:
        component: The component; its name must be registered.
        options: Config values for the checks.
        only: Names of the checks to run; empty: all.

    Raises:
        UserError: The component cannot be loaded (a missing extra, a missing target) or its config
            needs values.
    """
    catalog().get(component.kind, component.name).load()
    base = conformance_class(component.kind)
    cls = type(f"Check{base.__name__}", (base,), {"name": component.name, "options": options})
    suite: Conformance = cls()
    _ = suite.config
    for name in checks_of(cls):
        if not only or name in only:
            yield _run(suite, name)


def _run(suite: Conformance, name: str) -> Outcome:
    check = getattr(suite, name)
    demand = " ".join((check.__doc__ or name).split("\n\n")[0].split())
    started = time.perf_counter()
    kind = suite.kind
    status: Literal["passed", "failed", "error", "skipped"] = "passed"
    reason = ""
    try:
        try:
            check()
        finally:
            suite.teardown_method()
    except NotApplicable as why:
        status, reason = "skipped", str(why)
    except (Broken, UserError) as why:
        status, reason = "failed", str(why)
    except Exception as why:
        status, reason = "error", described(why, kind)
    return Outcome(name, demand, status, reason, time.perf_counter() - started)
