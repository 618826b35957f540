"""Registration of ANR and DNR. Torch-free."""

from __future__ import annotations

from avatar_kit import hookimpl
from avatar_kit_anr.config import (
    AnrConfig,
    DeferredUNetConfig,
    DnrConfig,
    SurfaceNormalsConfig,
    TwoStageUNetConfig,
    UvTextureConfig,
)


@hookimpl
def register_encoders(register) -> None:
    """The texture and the normals."""
    encoders = "avatar_kit_anr.encoders"
    register("uv_texture", config=UvTextureConfig, target=f"{encoders}:UvTexture")
    register("surface_normals", config=SurfaceNormalsConfig, target=f"{encoders}:SurfaceNormals")


@hookimpl
def register_renderers(register) -> None:
    """One U-Net, or two."""
    renderers = "avatar_kit_anr.renderers"
    register("two_stage_unet", config=TwoStageUNetConfig, target=f"{renderers}:TwoStageUNet")
    register("deferred_unet", config=DeferredUNetConfig, target=f"{renderers}:DeferredUNet")


@hookimpl
def register_methods(register) -> None:
    """Both recipes."""
    register("anr", config=AnrConfig, target="avatar_kit_anr.method:Anr")
    register("dnr", config=DnrConfig, target="avatar_kit_anr.method:Dnr")
