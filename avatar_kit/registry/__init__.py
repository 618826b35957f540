"""Which components and commands exist: hooks, loading of plugins, the catalog. Torch-free."""

from typing import TYPE_CHECKING

from avatar_kit.lazy import lazy_exports

if TYPE_CHECKING:
    from avatar_kit.registry.commands import Command as Command
    from avatar_kit.registry.components import KINDS as KINDS
    from avatar_kit.registry.components import Catalog as Catalog
    from avatar_kit.registry.components import Component as Component
    from avatar_kit.registry.loading import LoadedPlugin as LoadedPlugin
    from avatar_kit.registry.loading import catalog as catalog
    from avatar_kit.registry.loading import load_plugins as load_plugins
    from avatar_kit.registry.loading import plugins as plugins

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Catalog": "avatar_kit.registry.components",
        "Command": "avatar_kit.registry.commands",
        "Component": "avatar_kit.registry.components",
        "KINDS": "avatar_kit.registry.components",
        "LoadedPlugin": "avatar_kit.registry.loading",
        "catalog": "avatar_kit.registry.loading",
        "load_plugins": "avatar_kit.registry.loading",
        "plugins": "avatar_kit.registry.loading",
    },
)
