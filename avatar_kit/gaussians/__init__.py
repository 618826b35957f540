"""Gaussians on any body: where they are tied, how they follow, what they begin with."""

from typing import TYPE_CHECKING

from avatar_kit.lazy import lazy_exports

if TYPE_CHECKING:
    from avatar_kit.gaussians.anchors import Anchors as Anchors
    from avatar_kit.gaussians.anchors import face_density as face_density
    from avatar_kit.gaussians.anchors import sample_surface as sample_surface
    from avatar_kit.gaussians.attachment import Attachment as Attachment
    from avatar_kit.gaussians.completed import completed_colours as completed_colours
    from avatar_kit.gaussians.covariances import principal_axes as principal_axes
    from avatar_kit.gaussians.hull import hull_points as hull_points
    from avatar_kit.gaussians.hull import joined as joined
    from avatar_kit.gaussians.posing import blended_transforms as blended_transforms
    from avatar_kit.gaussians.posing import carried as carried
    from avatar_kit.gaussians.posing import faces_camera as faces_camera
    from avatar_kit.gaussians.posing import pose_gaussians as pose_gaussians
    from avatar_kit.gaussians.posing import skin_gaussians as skin_gaussians
    from avatar_kit.gaussians.skin import Skin as Skin
    from avatar_kit.gaussians.skinning_grid import diffused_weights as diffused_weights
    from avatar_kit.gaussians.skinning_grid import sample_grid as sample_grid
    from avatar_kit.gaussians.spread import farthest_points as farthest_points

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Anchors": "avatar_kit.gaussians.anchors",
        "Attachment": "avatar_kit.gaussians.attachment",
        "Skin": "avatar_kit.gaussians.skin",
        "blended_transforms": "avatar_kit.gaussians.posing",
        "carried": "avatar_kit.gaussians.posing",
        "completed_colours": "avatar_kit.gaussians.completed",
        "diffused_weights": "avatar_kit.gaussians.skinning_grid",
        "face_density": "avatar_kit.gaussians.anchors",
        "faces_camera": "avatar_kit.gaussians.posing",
        "farthest_points": "avatar_kit.gaussians.spread",
        "hull_points": "avatar_kit.gaussians.hull",
        "joined": "avatar_kit.gaussians.hull",
        "pose_gaussians": "avatar_kit.gaussians.posing",
        "principal_axes": "avatar_kit.gaussians.covariances",
        "sample_grid": "avatar_kit.gaussians.skinning_grid",
        "sample_surface": "avatar_kit.gaussians.anchors",
        "skin_gaussians": "avatar_kit.gaussians.posing",
    },
)
