"""Which components exist: hooks, the plugin manager, and the catalog of names. Torch-free."""

from avatar_kit.registry.catalog import KINDS, Catalog, Component
from avatar_kit.registry.loading import LoadedPlugin, catalog, load_plugins, plugins

__all__ = ["KINDS", "Catalog", "Component", "LoadedPlugin", "catalog", "load_plugins", "plugins"]
