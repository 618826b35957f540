"""Configs of the aligners that ship with the framework. Torch-free."""

from typing import Literal

from pydantic import Field

from avatar_kit.declarations import AlignerConfig


class IdentityConfig(AlignerConfig):
    """Drive the avatar with the motion as it is."""

    type: Literal["identity"] = "identity"


class NearestPoseConfig(AlignerConfig):
    """Show only the nearest training pose: a control."""

    type: Literal["nearest_pose"] = "nearest_pose"
    smoothing: float = Field(
        0.0,
        ge=0,
        description="Seconds after which a new pose is reached by two thirds; 0: no smoothing. "
        "Smoothed poses lie between training poses and lag behind.",
    )


class PcaClampConfig(AlignerConfig):
    """Keep the pose within the ellipsoid of the training poses: a control."""

    type: Literal["pca_clamp"] = "pca_clamp"
    variance: float = Field(
        0.95, gt=0, le=1, description="Share of the variance that the axes kept explain."
    )
    components: int | None = Field(
        None,
        ge=1,
        le=10_000_000,
        description="Number of axes to keep; null: determined by `variance`.",
    )
    sigmas: float = Field(
        2.0, gt=0, description="Standard deviations at which a pose is clamped along an axis."
    )
