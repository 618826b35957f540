"""Commands of ``avatar-kit`` that plugins bring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from avatar_kit.registry.targets import load_target

#: What ``avatar-kit`` calls its own commands: no plugin may take these names.
BUILTIN_COMMANDS = (
    "align",
    "aligner",
    "benchmark",
    "compare",
    "config",
    "doctor",
    "eval",
    "export",
    "fleet",
    "licences",
    "live",
    "mix",
    "models",
    "motion",
    "plugins",
    "prepare",
    "render",
    "train",
    "view",
)


@dataclass(frozen=True)
class Command:
    """A registered command.

    Attributes:
        name: What a person types after ``avatar-kit``.
        target: ``package.module:name`` of a function with typer's annotations, or of a
            ``typer.Typer``, whose commands are then below the name.
        help: One line, for ``avatar-kit --help``.
        plugin: Name of the plugin that registered it.
    """

    kind: ClassVar[str] = "command"

    name: str
    target: str
    help: str
    plugin: str

    def load(self) -> Any:
        """Import the function or the app.

        Raises:
            MissingExtra: An optional package of ours that it needs is not installed.
            UserError: The target does not exist, or a package that it needs is not installed.
        """
        return load_target(self.target, f"command '{self.name}'", self.plugin)
