"""Names to components."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from avatar_kit.declarations import (
    AlignerConfig,
    BodyConfig,
    ComponentConfig,
    DatasetConfig,
    EncoderConfig,
    MetricConfig,
    RendererConfig,
    TrackerConfig,
)
from avatar_kit.errors import MissingExtra, UserError, near

#: Kind of component -> the hook that registers it.
KINDS = {
    "body": "register_bodies",
    "encoder": "register_encoders",
    "renderer": "register_renderers",
    "aligner": "register_aligners",
    "method": "register_methods",
    "dataset": "register_datasets",
    "tracker": "register_trackers",
    "metric": "register_metrics",
}

_CONFIG_BASES: dict[str, type[ComponentConfig]] = {
    "body": BodyConfig,
    "encoder": EncoderConfig,
    "renderer": RendererConfig,
    "aligner": AlignerConfig,
    "method": ComponentConfig,
    "dataset": DatasetConfig,
    "tracker": TrackerConfig,
    "metric": MetricConfig,
}

#: Optional packages and the extra that brings them.
_EXTRAS = {"mediapipe": "track", "nvdiffrast": "cuda"}


@dataclass(frozen=True)
class Component:
    """A registered component.

    Attributes:
        kind: One of :data:`KINDS`.
        name: What a person writes.
        config: Its config class, torch-free.
        target: ``package.module:Class`` of the implementation.
        plugin: Name of the plugin that registered it.
        default: Whether it is taken where a config does not say.
    """

    kind: str
    name: str
    config: type[ComponentConfig]
    target: str
    plugin: str
    default: bool = False

    def load(self) -> type[Any]:
        """Import the implementation.

        Raises:
            MissingExtra: An optional package it needs is not installed.
            UserError: The target does not exist.
        """
        module, _, attribute = self.target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if package in _EXTRAS:
                feature = f"{self.kind} '{self.name}'"
                raise MissingExtra(feature, _EXTRAS[package], package) from None
            if error.name and module.startswith(error.name):
                raise UserError(self._missing()) from None
            raise
        except AttributeError as error:
            if f"no attribute '{attribute}'" in str(error):
                raise UserError(self._missing()) from None
            raise

    def _missing(self) -> str:
        return (
            f"{self.kind} '{self.name}': plugin '{self.plugin}' registered the target "
            f"'{self.target}', which does not exist"
        )


class Catalog:
    """All registered components, by kind and name."""

    def __init__(self) -> None:
        self._components: dict[tuple[str, str], Component] = {}
        self.failures: dict[str, str] = {}

    def add(self, components: list[Component]) -> None:
        """Add the components of one plugin, all or none.

        Raises:
            UserError: A name is taken, or a config class is of the wrong kind.
        """
        batch: dict[tuple[str, str], Component] = {}
        for component in components:
            key = (component.kind, component.name)
            taken = self._components.get(key) or batch.get(key)
            if taken:
                raise UserError(
                    f"plugin '{component.plugin}': the {component.kind} name '{component.name}' "
                    f"is taken by plugin '{taken.plugin}'; choose another name"
                )
            base = _CONFIG_BASES[component.kind]
            if not (isinstance(component.config, type) and issubclass(component.config, base)):
                raise UserError(
                    f"plugin '{component.plugin}': the config of {component.kind} "
                    f"'{component.name}' must derive from {base.__name__}"
                )
            batch[key] = component
        self._components.update(batch)

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
        known = self.names(kind)
        text = f"unknown {kind} '{name}'"
        text += near(str(name), known) or f"; known: {', '.join(known) or 'none'}"
        if self.failures:
            text += f" (failed to load: {', '.join(sorted(self.failures))}; see avatar-kit plugins)"
        raise UserError(text)

    def default(self, kind: str) -> str:
        """The name to take where a config does not say.

        Raises:
            UserError: No plugin offers a default of this kind.
        """
        for component in self.components(kind):
            if component.default:
                return component.name
        raise UserError(f"no default {kind} is registered; name one with type")
