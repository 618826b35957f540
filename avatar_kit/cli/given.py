"""What a command line may say at all, whichever command it is for."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from typer.core import TyperCommand

from avatar_kit.errors import UserError, shown


class Checked(TyperCommand):
    """A command whose numbers are finite and whose words are not empty."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """The context of a command line that was read."""
        context = super().make_context(info_name, args, parent, **extra)
        check_given(self, context.params)
        return context


def check_given(command: Any, values: dict[str, Any]) -> None:
    """Refuse what no option and no argument of a command takes.

    Args:
        command: The command.
        values: Its parameters by name, as they were read.

    Raises:
        UserError: A number that is not finite or has more than 64 bits, an empty word, or one with
            a character that no name has; says which option.
    """
    for parameter in command.params:
        value = values.get(parameter.name)
        name = next((o for o in parameter.opts if o.startswith("--")), parameter.name.upper())
        for item in value if isinstance(value, list | tuple) else [value]:
            if fault := _fault(item):
                raise UserError(f"{name} {shown(item)}: {fault}")


def _fault(item: Any) -> str:
    """What is wrong with one value; empty where nothing is."""
    if isinstance(item, float) and not math.isfinite(item):
        return "expected a finite number"
    if isinstance(item, int) and not -(2**63) <= item < 2**63:
        return "whole numbers have at most 64 bits"
    if isinstance(item, str | Path) and "\0" in str(item):
        return "holds a character that no name has"
    if item == "":
        return "is empty; leave the option out, or give it a value"
    return ""
