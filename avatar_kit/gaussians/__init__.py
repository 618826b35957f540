"""Gaussians on any body: where they are tied, how they follow, what they begin with."""

from typing import TYPE_CHECKING

from avatar_kit.lazy import lazy_exports

if TYPE_CHECKING:
    from avatar_kit.gaussians.anchors import Anchors as Anchors
    from avatar_kit.gaussians.anchors import face_density as face_density
    from avatar_kit.gaussians.anchors import sample_surface as sample_surface
    from avatar_kit.gaussians.attachment import Attachment as Attachment
    from avatar_kit.gaussians.covariances import principal_axes as principal_axes
    from avatar_kit.gaussians.hull import hull_points as hull_points
    from avatar_kit.gaussians.hull import joined as joined
    from avatar_kit.gaussians.neighbours import nearest_neighbours as nearest_neighbours
    from avatar_kit.gaussians.painted import painted_colours as painted_colours
    from avatar_kit.gaussians.posing import faces_camera as faces_camera
    from avatar_kit.gaussians.posing import pose_gaussians as pose_gaussians
    from avatar_kit.gaussians.texels import Texels as Texels
    from avatar_kit.gaussians.texels import dilated as dilated
    from avatar_kit.gaussians.unseen import SEEN as SEEN
    from avatar_kit.gaussians.unseen import Completion as Completion
    from avatar_kit.gaussians.unseen import unseen_sides as unseen_sides

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Anchors": "avatar_kit.gaussians.anchors",
        "Completion": "avatar_kit.gaussians.unseen",
        "SEEN": "avatar_kit.gaussians.unseen",
        "Texels": "avatar_kit.gaussians.texels",
        "Attachment": "avatar_kit.gaussians.attachment",
        "dilated": "avatar_kit.gaussians.texels",
        "face_density": "avatar_kit.gaussians.anchors",
        "faces_camera": "avatar_kit.gaussians.posing",
        "hull_points": "avatar_kit.gaussians.hull",
        "joined": "avatar_kit.gaussians.hull",
        "nearest_neighbours": "avatar_kit.gaussians.neighbours",
        "painted_colours": "avatar_kit.gaussians.painted",
        "pose_gaussians": "avatar_kit.gaussians.posing",
        "principal_axes": "avatar_kit.gaussians.covariances",
        "sample_surface": "avatar_kit.gaussians.anchors",
        "unseen_sides": "avatar_kit.gaussians.unseen",
    },
)
