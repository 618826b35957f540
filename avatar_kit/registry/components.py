"""Names to components and commands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from avatar_kit.errors import MissingModels, UserError, near
from avatar_kit.registry.commands import BUILTIN_COMMANDS, Command
from avatar_kit.registry.sources import OWN
from avatar_kit.registry.targets import load_target

if TYPE_CHECKING:
    from avatar_kit.declarations import ComponentConfig
    from avatar_kit.io.model_files import ModelFile

#: Kind of component -> the hook that registers it.
KINDS = {
    "body": "register_bodies",
    "encoder": "register_encoders",
    "renderer": "register_renderers",
    "aligner": "register_aligners",
    "method": "register_methods",
    "dataset": "register_datasets",
    "tracker": "register_trackers",
    "matting": "register_mattings",
    "metric": "register_metrics",
    "exporter": "register_exporters",
}


@dataclass(frozen=True)
class Component:
    """A registered component.

    Attributes:
        kind: One of :data:`KINDS`.
        name: What a person writes.
        config: Its config class, torch-free.
        target: ``package.module:Class`` of the implementation.
        plugin: Name of the plugin that registered it.
        default: Whether it offers itself where a config does not say; :meth:`Catalog.default`
            decides.
        distribution: The installed package that brings the plugin, and its version; or the file.
    """

    kind: str
    name: str
    config: type[ComponentConfig]
    target: str
    plugin: str
    default: bool = False
    distribution: str = ""

    @property
    def is_own(self) -> bool:
        """Whether avatar-kit itself brings it."""
        return self.distribution.split(" ")[0] == OWN

    def load(self) -> type[Any]:
        """Import the implementation.

        Raises:
            MissingExtra: An optional package of ours that it needs is not installed.
            MissingModels: Model files that it needs are not here.
            UserError: The target does not exist, or a package that it needs is not installed.
        """
        what = f"{self.kind} '{self.name}'"
        implementation = load_target(self.target, what, self.plugin)
        missing = self.missing_models()
        if missing:
            raise MissingModels(what, missing)
        return implementation

    def missing_models(self) -> list[str]:
        """Names of the model files that it needs and that are not here."""
        return [model.name for model in self.config.needs if not model.here()]


def _check_config(component: Component) -> None:
    # pydantic, which commands do without
    from avatar_kit.declarations import CONDITION_KINDS, CONFIG_BASES

    base = CONFIG_BASES[component.kind]
    if not (isinstance(component.config, type) and issubclass(component.config, base)):
        raise UserError(
            f"plugin '{component.plugin}': the config of {component.kind} '{component.name}' "
            f"must derive from {base.__name__}"
        )
    for kind in getattr(component.config, "consumes", ()):
        if kind not in CONDITION_KINDS:
            raise UserError(
                f"plugin '{component.plugin}': renderer '{component.name}' consumes '{kind}', "
                f"which is no kind of condition{near(str(kind), list(CONDITION_KINDS))}; there are "
                f"{', '.join(CONDITION_KINDS)}"
            )


class Catalog:
    """All registered components, by kind and name, and all registered commands."""

    def __init__(self) -> None:
        self._components: dict[tuple[str, str], Component] = {}
        self._commands: dict[str, Command] = {}
        self.failures: dict[str, str] = {}

    def add(self, components: Sequence[Component], commands: Sequence[Command] = ()) -> None:
        """Add what one plugin registers, all or none.

        Raises:
            UserError: A name is taken, a config class is of the wrong kind, or a command has a
                name that cannot be typed.
        """
        new_components, new_commands = self._components_of(components), self._commands_of(commands)
        self._components |= new_components
        self._commands |= new_commands

    def _components_of(self, components: Sequence[Component]) -> dict[tuple[str, str], Component]:
        batch: dict[tuple[str, str], Component] = {}
        for component in components:
            key = (component.kind, component.name)
            taken = self._components.get(key) or batch.get(key)
            if taken:
                raise UserError(
                    f"plugin '{component.plugin}': the {component.kind} name '{component.name}' "
                    f"is taken by plugin '{taken.plugin}'; choose another name"
                )
            _check_config(component)
            self._check_models(component)
            batch[key] = component
        return batch

    def _check_models(self, component: Component) -> None:
        known = {model.name: (model, users[0]) for model, users in self.models()}
        for model in (*component.config.needs, *component.config.models):
            other, user = known.get(model.name, (model, component))
            if other.sha256 != model.sha256:
                raise UserError(
                    f"plugin '{component.plugin}': the model name '{model.name}' is taken by "
                    f"plugin '{user.plugin}' for another file; choose another name"
                )

    def _commands_of(self, commands: Sequence[Command]) -> dict[str, Command]:
        owners = dict.fromkeys(BUILTIN_COMMANDS, "avatar-kit itself")
        owners |= {c.name: f"plugin '{c.plugin}'" for c in self._commands.values()}
        batch: dict[str, Command] = {}
        for command in commands:
            if not re.fullmatch(r"[a-z][a-z0-9-]*", command.name):
                raise UserError(
                    f"plugin '{command.plugin}': the command name '{command.name}' must consist "
                    "of small letters, digits and '-'"
                )
            if command.name in owners:
                raise UserError(
                    f"plugin '{command.plugin}': the command name '{command.name}' is taken by "
                    f"{owners[command.name]}; choose another name"
                )
            owners[command.name] = f"plugin '{command.plugin}'"
            batch[command.name] = command
        return batch

    def names(self, kind: str) -> list[str]:
        """Registered names of a kind, sorted."""
        return sorted(name for k, name in self._components if k == kind)

    def components(self, kind: str | None = None) -> list[Component]:
        """Registered components, of one kind or all."""
        return [c for c in self._components.values() if kind in (None, c.kind)]

    def get(self, kind: str, name: str) -> Component:
        """Look a component up.

        Raises:
            UserError: No such name; says the near match and which plugins failed to load.
        """
        found = self._components.get((kind, name))
        if found:
            return found
        raise self._unknown(kind, name, self.names(kind))

    def commands(self) -> list[Command]:
        """Registered commands, sorted by name."""
        return [self._commands[name] for name in sorted(self._commands)]

    def command(self, name: str) -> Command:
        """Look a command of a plugin up.

        Raises:
            UserError: No such command; says the near match and which plugins failed to load.
        """
        found = self._commands.get(name)
        if found:
            return found
        raise self._unknown("command", name, [*BUILTIN_COMMANDS, *sorted(self._commands)])

    def _unknown(self, kind: str, name: str, known: list[str]) -> UserError:
        text = f"unknown {kind} '{name}'"
        text += near(str(name), known) or f"; known: {', '.join(known) or 'none'}"
        if self.failures:
            text += f" (failed to load: {', '.join(sorted(self.failures))}; see avatar-kit plugins)"
        return UserError(text)

    def models(self) -> list[tuple[ModelFile, list[Component]]]:
        """The model files that components use or need, by name, and those components."""
        found: dict[str, tuple[ModelFile, list[Component]]] = {}
        for component in self.components():
            for model in (*component.config.needs, *component.config.models):
                found.setdefault(model.name, (model, []))[1].append(component)
        return [found[name] for name in sorted(found)]

    def default(self, kind: str) -> str:
        """The name to take where a config does not say.

        A default of avatar-kit's own wins over one of another package, which would otherwise change
        what a config means by being installed.

        Raises:
            UserError: No plugin offers a default of this kind.
        """
        offered = [c for c in self.components(kind) if c.default]
        for component in sorted(offered, key=lambda c: not c.is_own):
            return component.name
        raise UserError(f"no default {kind} is registered; name one with type")
