"""Registration of `splat`. Torch-free."""

from __future__ import annotations

from avatar_kit import hookimpl
from avatar_kit_splat.config import SplatConfig, SplatMethodConfig, SurfaceGaussiansConfig


@hookimpl
def register_encoders(register) -> None:
    """Gaussians on the body."""
    register(
        "surface_gaussians",
        config=SurfaceGaussiansConfig,
        target="avatar_kit_splat.cloud:SurfaceGaussians",
    )


@hookimpl
def register_renderers(register) -> None:
    """The splat renderer."""
    register("splat", config=SplatConfig, target="avatar_kit_splat.renderer:SplatRenderer")


@hookimpl
def register_methods(register) -> None:
    """The recipe."""
    register("splat", config=SplatMethodConfig, target="avatar_kit_splat.method:Splat")
