"""The surface of a body and what pictures show of it: its texels, its coverage, what is unseen."""

from typing import TYPE_CHECKING

from avatar_kit.lazy import lazy_exports

if TYPE_CHECKING:
    from avatar_kit.surface.coverage import covering as covering
    from avatar_kit.surface.coverage import draw_coverage as draw_coverage
    from avatar_kit.surface.coverage import is_covered as is_covered
    from avatar_kit.surface.neighbours import nearest_neighbours as nearest_neighbours
    from avatar_kit.surface.neighbours import nearest_points as nearest_points
    from avatar_kit.surface.painted import painted_colours as painted_colours
    from avatar_kit.surface.texels import Texels as Texels
    from avatar_kit.surface.texels import dilated as dilated
    from avatar_kit.surface.unseen import SEEN as SEEN
    from avatar_kit.surface.unseen import Completion as Completion
    from avatar_kit.surface.unseen import unseen_sides as unseen_sides

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Completion": "avatar_kit.surface.unseen",
        "SEEN": "avatar_kit.surface.unseen",
        "Texels": "avatar_kit.surface.texels",
        "covering": "avatar_kit.surface.coverage",
        "dilated": "avatar_kit.surface.texels",
        "draw_coverage": "avatar_kit.surface.coverage",
        "is_covered": "avatar_kit.surface.coverage",
        "nearest_neighbours": "avatar_kit.surface.neighbours",
        "nearest_points": "avatar_kit.surface.neighbours",
        "painted_colours": "avatar_kit.surface.painted",
        "unseen_sides": "avatar_kit.surface.unseen",
    },
)
