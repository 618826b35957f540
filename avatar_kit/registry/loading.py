"""Finding and loading plugins. One that fails is recorded and never takes the others down."""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

import pluggy

from avatar_kit import API_VERSION
from avatar_kit.errors import UserError
from avatar_kit.registry import hookspecs
from avatar_kit.registry.commands import Command
from avatar_kit.registry.components import KINDS, Catalog, Component
from avatar_kit.registry.sources import GROUP, plugin_sources


@dataclass(frozen=True)
class LoadedPlugin:
    """One plugin as ``avatar-kit plugins`` shows it.

    Attributes:
        name: Name of its entry point.
        distribution: Installed package that brings it, or the file it was loaded from.
        version: Version of that package.
        components: The components it registered.
        failure: Why it could not be loaded; empty if it was.
        notes: What it does that a later version will refuse.
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
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", DeprecationWarning)
                components, commands = _register(source)
            found.add(components, commands)
            notes = tuple(_deprecations(caught))
            loaded.append(
                LoadedPlugin(source.name, *about, components, notes=notes, commands=commands)
            )
        except Exception as error:
            if strict:
                raise
            reason = str(error) if isinstance(error, UserError) else _reason(error)
            found.failures[source.name] = reason
            loaded.append(LoadedPlugin(source.name, *about, (), reason))
    return found, loaded


def _deprecations(caught: list[warnings.WarningMessage]) -> Iterator[str]:
    """Deprecation warnings as lines for a person; all that was caught is warned of again."""
    for found in caught:
        warnings.warn_explicit(found.message, found.category, found.filename, found.lineno)
        if issubclass(found.category, DeprecationWarning):
            yield " ".join(str(found.message).split())


def _reason(error: Exception) -> str:
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
    components: list[Component] = []
    for kind, hook in KINDS.items():

        def register(
            name: str, *, config: type[Any], target: str, default: bool = False, kind: str = kind
        ) -> None:
            components.append(Component(kind, name, config, target, source.name, default))

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
