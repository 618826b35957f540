"""Options that several commands share, each group one parameter of a command."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from inspect import Parameter, signature
from typing import Any, cast, get_type_hints


@dataclass(frozen=True)
class _Group:
    """A dataclass, and the options that its fields are."""

    made: type
    options: tuple[Parameter, ...]

    @classmethod
    def of(cls, made: type) -> _Group:
        hints = get_type_hints(made, include_extras=True)
        return cls(
            made,
            tuple(
                Parameter(
                    f.name, Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name]
                )
                for f in fields(made)
            ),
        )

    def taken(self, given: dict[str, Any]) -> Any:
        """The group, made of its options, which are taken out of what was given."""
        return self.made(**{option.name: given.pop(option.name) for option in self.options})


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """A command that takes groups of options.

    A parameter that is annotated with a dataclass stands for all fields of that dataclass. Each
    field is annotated, and has a default, as an option of a command is. The help text shows the
    options where the parameter stands.

    Args:
        command: The function behind a command.
    """
    shown: list[Parameter] = []
    groups: Mapping[str, _Group] = {
        name: _Group.of(cast(type, parameter.annotation))
        for name, parameter in signature(command, eval_str=True).parameters.items()
        if is_dataclass(parameter.annotation)
    }
    for name, parameter in signature(command, eval_str=True).parameters.items():
        own = groups[name].options if name in groups else (parameter,)
        shown += [option.replace(kind=Parameter.KEYWORD_ONLY) for option in own]

    @functools.wraps(command)
    def called(**given: Any) -> None:
        made = {name: group.taken(given) for name, group in groups.items()}
        command(**given, **made)

    called.__signature__ = signature(command).replace(parameters=shown)  # type: ignore[attr-defined]
    return called
