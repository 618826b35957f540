"""The light of a capture: where it stands, what it reaches, what it throws on the floor."""

from typing import TYPE_CHECKING

from avatar_kit.lazy import lazy_exports

if TYPE_CHECKING:
    from avatar_kit.light.ambient import harmonics as harmonics
    from avatar_kit.light.distant import DistantLight as DistantLight
    from avatar_kit.light.learned import LearnedLight as LearnedLight
    from avatar_kit.light.search import FoundLight as FoundLight
    from avatar_kit.light.search import find_light as find_light
    from avatar_kit.light.shading import surface_shade as surface_shade
    from avatar_kit.light.shadow_map import lit_points as lit_points
    from avatar_kit.light.shadow_map import lit_vertices as lit_vertices

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "DistantLight": "avatar_kit.light.distant",
        "FoundLight": "avatar_kit.light.search",
        "LearnedLight": "avatar_kit.light.learned",
        "find_light": "avatar_kit.light.search",
        "harmonics": "avatar_kit.light.ambient",
        "lit_points": "avatar_kit.light.shadow_map",
        "lit_vertices": "avatar_kit.light.shadow_map",
        "surface_shade": "avatar_kit.light.shading",
    },
)
