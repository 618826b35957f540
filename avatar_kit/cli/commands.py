"""Commands that plugins bring: listed beside ours, imported when they are run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

from avatar_kit.cli.given import check_given
from avatar_kit.errors import UserError

if TYPE_CHECKING:
    from avatar_kit.registry import Catalog, Command
    from avatar_kit.testing import Outcome

#: Where ``avatar-kit --help`` lists them.
PANEL = "Commands of plugins"


class Commands(TyperGroup):
    """Our commands and those of plugins.

    One of ours is run without loading any plugin. Help loads those alone whose module speaks of
    ``register_commands``, so that it stays fast however many are installed.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of our commands, then of those of plugins."""
        from avatar_kit.registry import load_plugins
        from avatar_kit.registry.sources import sources_with

        self._take_in(load_plugins(sources_with("register_commands"))[0])
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a name, or None."""
        if cmd_name not in self.commands:
            from avatar_kit.registry import catalog

            self._take_in(catalog())
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is to be run.

        Raises:
            UserError: There is none of this name.
        """
        unknown = not args[0].startswith("-") and self.get_command(ctx, args[0]) is None
        if unknown and not ctx.resilient_parsing:
            from avatar_kit.registry import catalog

            catalog().command(args[0])  # says which are known, and what failed to load
        return super().resolve_command(ctx, args)

    def _take_in(self, found: Catalog) -> None:
        self.commands.update({c.name: _Deferred(c) for c in found.commands()})


class _Deferred(TyperCommand):
    """Stands for a command of a plugin until it is run or asked for its own help."""

    def __init__(self, registered: Command):
        super().__init__(registered.name, help=registered.help, rich_help_panel=PANEL)
        self.registered = registered

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """The context of the command itself, which is imported now."""
        command = imported(self.registered)
        context = command.make_context(info_name, args, parent, **extra)
        check_given(command, context.params)
        return context


def imported(registered: Command) -> Any:
    """The command itself, as typer runs it.

    Raises:
        UserError: The target does not exist, needs what is not installed, or is no command.
    """
    target: typer.Typer | Callable[..., Any] = registered.load()
    app = typer.Typer(add_completion=False, rich_markup_mode="rich")
    if isinstance(target, typer.Typer):
        app.add_typer(target, name=registered.name)
    elif callable(target):
        app.command(registered.name)(target)
    else:
        raise UserError(
            f"command '{registered.name}': the target '{registered.target}' of plugin "
            f"'{registered.plugin}' must be a function or a typer.Typer"
        )
    command = typer.main.get_group(app).commands[registered.name]
    command.help = command.help or registered.help
    return command


def check_command(registered: Command) -> Iterator[Outcome]:
    """What ``avatar-kit plugins check`` asks of a command, one check after another.

    Raises:
        UserError: The target does not exist, or needs what is not installed.
    """
    registered.load()
    lines = registered.help.strip().splitlines()
    yield _outcome(
        "help_is_one_line",
        "The registered help is one line.",
        "" if len(lines) == 1 else f"help={registered.help!r}: say in one line what it does",
    )
    try:
        command, reason = imported(registered), ""
    except Exception as error:  # typer refuses annotations in several ways
        command, reason = None, f"{type(error).__name__}: {error}"
    demand = "The target is a function with typer's annotations, or a typer.Typer."
    yield _outcome("target_is_a_command", demand, reason)
    if command is not None:
        bare = ", ".join(_undescribed(command, registered.name))
        yield _outcome(
            "everything_is_described",
            "Every argument, every option and every command below it has a help.",
            f"without help: {bare}" if bare else "",
        )


def _outcome(check: str, demand: str, reason: str) -> Outcome:
    from avatar_kit.testing import Outcome

    return Outcome(check, demand, "failed" if reason else "passed", reason, seconds=0.0)


def _undescribed(command: Any, path: str) -> Iterator[str]:
    """What of a command has no help: its parameters, and the commands below it with theirs."""
    yield from (f"{path} {p.name}" for p in command.params if not getattr(p, "help", None))
    for name, below in getattr(command, "commands", {}).items():
        if not below.help:
            yield f"{path} {name}"
        yield from _undescribed(below, f"{path} {name}")
