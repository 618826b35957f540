"""``avatar-kit plugins check``: the checks of one part after another, and a table of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from avatar_kit.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from avatar_kit.registry import Command, Component
    from avatar_kit.testing import Outcome


def check_all(parts: list[Component | Command], values: dict[str, Any]) -> bool:
    """Check parts and print what came out; of several, a table at the end.

    Args:
        parts: Components and commands.
        values: Nested config values; what stands below the name of one of several parts is for
            that part, the rest is for all.

    Returns:
        Whether all keep their contract.

    Raises:
        UserError: The one part there is cannot be checked at all.
    """
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    names = {part.name for part in parts} if len(parts) > 1 else set()
    rows, good = [], True
    for part in parts:
        own = values.get(part.name, {}) if part.name in names else {}
        laid = {k: v for k, v in values.items() if k not in names}
        laid |= own if isinstance(own, dict) else {}
        title = f"{part.kind} {part.name}"
        try:
            outcomes = _check(part, title, laid, console)
            said, bad = verdict(title, outcomes), any(o.bad for o in outcomes)
        except UserError as error:
            if len(parts) == 1:
                raise
            hint = f"; give the missing value as  {part.name}.KEY=VALUE" if laid == own else ""
            said, bad = f"[red]{title}: not checked: {_escaped(str(error))}{hint}[/]", True
        console.print(said)
        rows.append(said)
        good = good and not bad
    if len(parts) > 1:
        console.print(f"\n[bold]{len(parts)} parts[/]")
        for row in rows:
            console.print(f"  {row}")
    return good


def _check(
    part: Component | Command, title: str, values: dict[str, Any], console: Console
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    causes: dict[str, str] = {}
    for outcome in _outcomes(part, values):
        if not outcomes:
            console.print(f"[bold]{title}[/]")
        console.print(line(outcome, causes.get(outcome.reason, "")))
        if outcome.bad:
            causes.setdefault(outcome.reason, outcome.check)
        outcomes.append(outcome)
    return outcomes


def _outcomes(part: Component | Command, values: dict[str, Any]) -> Iterator[Outcome]:
    from avatar_kit.cli.commands import check_command
    from avatar_kit.registry import Command
    from avatar_kit.testing import check_component

    return check_command(part) if isinstance(part, Command) else check_component(part, values)


def line(outcome: Outcome, said: str = "") -> str:
    """One check as a line, with its reason where there is one.

    Args:
        outcome: How it ended.
        said: The check under which this very reason was printed before, if it was.
    """
    mark = {"passed": "[green]✓[/]", "skipped": "[dim]-[/]"}.get(outcome.status, "[red]✗[/]")
    text = f"  {mark} {_escaped(outcome.demand.replace('``', ''))}"
    if outcome.status == "skipped":
        return f"{text} [dim](not asked: {_escaped(outcome.reason)})[/]"
    if not outcome.bad:
        return text
    if said:
        return f"{text} [red](the cause is that of {said})[/]"
    return f"{text}\n      [red]{_escaped(outcome.reason)}[/]"


def verdict(title: str, outcomes: list[Outcome]) -> str:
    """One line that says whether a component conforms."""
    bad = [o for o in outcomes if o.bad]
    asked = [o for o in outcomes if o.status != "skipped"]
    if not bad:
        return f"[green]{title}: all {len(asked)} checks pass.[/]"
    causes = len({o.reason for o in bad})
    of = f", from {causes} cause{'s' if causes > 1 else ''}" if causes < len(bad) else ""
    return (
        f"[red]{title}: {len(bad)} of {len(asked)} checks fail{of}.[/] Fix {bad[0].check} first, "
        "then run the check again."
    )


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
