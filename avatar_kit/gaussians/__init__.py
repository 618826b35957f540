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
    from avatar_kit.gaussians.posing import faces_camera as faces_camera
    from avatar_kit.gaussians.posing import pose_gaussians as pose_gaussians

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Anchors": "avatar_kit.gaussians.anchors",
        "Attachment": "avatar_kit.gaussians.attachment",
        "face_density": "avatar_kit.gaussians.anchors",
        "faces_camera": "avatar_kit.gaussians.posing",
        "hull_points": "avatar_kit.gaussians.hull",
        "joined": "avatar_kit.gaussians.hull",
        "pose_gaussians": "avatar_kit.gaussians.posing",
        "principal_axes": "avatar_kit.gaussians.covariances",
        "sample_surface": "avatar_kit.gaussians.anchors",
    },
)
