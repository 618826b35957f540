"""Finding and loading plugins. One that fails is recorded and never takes the others down."""

from __future__ import annotations

import functools
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from typing import Any

import pluggy

from avatar_kit import API_VERSION
from avatar_kit.errors import UserError
from avatar_kit.registry import hookspecs
from avatar_kit.registry.commands import Command
from avatar_kit.registry.components import KINDS, Catalog, Component
from avatar_kit.registry.sources import GROUP, OWN, plugin_sources

#: Seconds after which a plugin that is still loading is named.
SLOW = 5.0


@dataclass(frozen=True)
class LoadedPlugin:
    """One plugin as ``avatar-kit plugins`` shows it.

    Attributes:
        name: Name of its entry point.
        distribution: Installed package that brings it, or the file it was loaded from.
        version: Version of that package.
        components: The components it registered.
        failure: Why it could not be loaded; empty if it was.
        notes: What it does that a person should know: what a later version will refuse, a default
            that is not taken.
        commands: The commands it registered.
    """

    name: str
    distribution: str
    version: str
    components: tuple[Component, ...]
    failure: str = ""
    notes: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()

    @property
    def registered(self) -> tuple[Component | Command, ...]:
        """All it registered."""
        return (*self.components, *self.commands)


def load_plugins(
    sources: list[EntryPoint], *, strict: bool = False
) -> tuple[Catalog, list[LoadedPlugin]]:
    """Load plugins into a fresh catalog.

    Args:
        sources: Entry points of the group ``avatar_kit``.
        strict: Let a failure through instead of recording it.
    """
    found, loaded = Catalog(), []
    for source in sorted(sources, key=lambda e: (e.name != "builtin", e.name)):
        dist = source.dist
        about = (dist.name, dist.version) if dist else (source.value, "")
        try:
            with warnings.catch_warnings(record=True) as caught, _named_where_slow(source):
                warnings.simplefilter("always", DeprecationWarning)
                components, commands = _register(source)
            found.add(components, commands)
            notes = tuple(_deprecations(caught))
            loaded.append(
                LoadedPlugin(source.name, *about, components, notes=notes, commands=commands)
            )
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # sys.exit() too: a plugin may end itself, not the program
            if strict:
                raise
            reason = str(error) if isinstance(error, UserError) else _reason(error)
            found.failures[source.name] = reason
            loaded.append(LoadedPlugin(source.name, *about, (), reason))
    return found, [_with_defaults(plugin, found) for plugin in loaded]


def _deprecations(caught: list[warnings.WarningMessage]) -> Iterator[str]:
    """Deprecation warnings as lines for a person; all that was caught is warned of again."""
    for found in caught:
        warnings.warn_explicit(found.message, found.category, found.filename, found.lineno)
        if issubclass(found.category, DeprecationWarning):
            yield "deprecated: " + " ".join(str(found.message).split())


def _with_defaults(plugin: LoadedPlugin, catalog: Catalog) -> LoadedPlugin:
    """The plugin with a note for each default that it offers and that is not taken."""
    offered = [c for c in plugin.components if c.default and c.name != catalog.default(c.kind)]
    notes = []
    for one in offered:
        taken = catalog.get(one.kind, catalog.default(one.kind))
        notes.append(
            f"{one.kind} '{one.name}' offers itself as default; '{taken.name}' of "
            f"{taken.distribution} is taken: name it where you want it"
        )
    return replace(plugin, notes=(*plugin.notes, *notes))


@contextmanager
def _named_where_slow(source: EntryPoint) -> Iterator[None]:
    """Says on stderr which plugin of another package it is that the program waits for."""
    if source.dist is not None and source.dist.name == OWN:
        yield
        return
    who = f"plugin '{source.name}' ({source.dist.name if source.dist else source.value})"

    def say() -> None:
        sys.stderr.write(
            f"{who} has been loading for {SLOW:g} s; Ctrl-C ends, AVATAR_KIT_PLUGINS=a,b names "
            "those to load\n"
        )
        sys.stderr.flush()

    timer = threading.Timer(SLOW, say)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _reason(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it ends the program when it is imported (sys.exit({error.code!r}))"
    return " ".join(f"{type(error).__name__}: {error}".split())


def _register(source: EntryPoint) -> tuple[tuple[Component, ...], tuple[Command, ...]]:
    """Import one plugin and collect what it registers."""
    module = source.load()
    wanted = getattr(module, "avatar_kit_api", API_VERSION)
    if wanted != API_VERSION:
        raise UserError(
            f"plugin '{source.name}' is written for plugin API {wanted}, "
            f"this avatar-kit has {API_VERSION}; install a matching version"
        )
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    manager.register(module, source.name)
    manager.check_pending()
    origin = f"{source.dist.name} {source.dist.version}" if source.dist else source.value
    components: list[Component] = []
    for kind, hook in KINDS.items():

        def register(
            name: str, *, config: type[Any], target: str, default: bool = False, kind: str = kind
        ) -> None:
            components.append(Component(kind, name, config, target, source.name, default, origin))

        getattr(manager.hook, hook)(register=register)

    commands: list[Command] = []

    def register_command(name: str, *, target: str, help: str) -> None:
        commands.append(Command(name, target, help, source.name))

    manager.hook.register_commands(register=register_command)
    return tuple(components), tuple(commands)


@functools.cache
def _loaded() -> tuple[Catalog, list[LoadedPlugin]]:
    return load_plugins(plugin_sources(), strict=os.environ.get("AVATAR_KIT_STRICT") == "1")


def catalog() -> Catalog:
    """The catalog of this process; plugins are loaded on first use."""
    return _loaded()[0]


def plugins() -> list[LoadedPlugin]:
    """The plugins of this process, failed ones included."""
    return _loaded()[1]
