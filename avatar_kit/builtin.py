"""What the framework itself registers, through the same hooks as everybody."""

from avatar_kit import hookimpl
from avatar_kit.aligners.config import IdentityConfig, NearestPoseConfig, PcaClampConfig
from avatar_kit.datasets.config import CaptureFolderConfig
from avatar_kit.encoders.config import CastShadowConfig, LitSurfaceConfig
from avatar_kit.exporters.config import (
    AmassConfig,
    BvhConfig,
    GaussianPlyConfig,
    PlayerConfig,
    RendererNetworkConfig,
    RiggedGaussiansConfig,
    SkinnedMeshConfig,
    SpzConfig,
)
from avatar_kit.metrics.config import (
    FidConfig,
    FlipConfig,
    FrechetAlexConfig,
    LpipsConfig,
    PSNRConfig,
    SSIMConfig,
    StLpipsConfig,
    StTlpipsConfig,
)


@hookimpl
def register_aligners(register):
    """The aligner that changes nothing, and two simple ones to compare with."""
    register(
        "identity",
        config=IdentityConfig,
        target="avatar_kit.aligners.identity:Identity",
        default=True,
    )
    register(
        "nearest_pose",
        config=NearestPoseConfig,
        target="avatar_kit.aligners.nearest_pose:NearestPose",
    )
    register("pca_clamp", config=PcaClampConfig, target="avatar_kit.aligners.pca_clamp:PcaClamp")


@hookimpl
def register_datasets(register):
    """A capture folder on disk."""
    register(
        "capture",
        config=CaptureFolderConfig,
        target="avatar_kit.datasets.capture_folder:CaptureFolder",
    )


@hookimpl
def register_exporters(register):
    """Gaussians, the skinned mesh, a page that shows it, the motion, and the renderer."""
    register("amass", config=AmassConfig, target="avatar_kit.exporters.motion:AmassFile")
    register("bvh", config=BvhConfig, target="avatar_kit.exporters.motion:BvhFile")
    register(
        "gaussian_ply", config=GaussianPlyConfig, target="avatar_kit.exporters.ply:GaussianPly"
    )
    register("player", config=PlayerConfig, target="avatar_kit.exporters.player:Player")
    register(
        "renderer_network",
        config=RendererNetworkConfig,
        target="avatar_kit.exporters.renderer_network:RendererNetwork",
    )
    register(
        "rigged_gaussians",
        config=RiggedGaussiansConfig,
        target="avatar_kit.exporters.rigged:RiggedGaussiansFile",
    )
    register(
        "skinned_mesh",
        config=SkinnedMeshConfig,
        target="avatar_kit.exporters.mesh:SkinnedMeshFile",
    )
    register("spz", config=SpzConfig, target="avatar_kit.exporters.spz:Spz")


@hookimpl
def register_encoders(register):
    """What the light of a capture tells any renderer."""
    register(
        "cast_shadow",
        config=CastShadowConfig,
        target="avatar_kit.encoders.cast_shadow:CastShadow",
    )
    register(
        "lit_surface",
        config=LitSurfaceConfig,
        target="avatar_kit.encoders.lit_surface:LitSurface",
    )


@hookimpl
def register_metrics(register):
    """Image and video metrics. Those that need what a machine may lack say so when asked for."""
    register("psnr", config=PSNRConfig, target="avatar_kit.metrics.image:PSNR")
    register("ssim", config=SSIMConfig, target="avatar_kit.metrics.image:SSIM")
    register("st_lpips_alex", config=StLpipsConfig, target="avatar_kit.metrics.perceptual:StLpips")
    register(
        "st_tlpips_alex", config=StTlpipsConfig, target="avatar_kit.metrics.perceptual:StTlpips"
    )
    register(
        "frechet_alex", config=FrechetAlexConfig, target="avatar_kit.metrics.frechet:FrechetAlex"
    )
    register("flip", config=FlipConfig, target="avatar_kit.metrics.flip:Flip")
    register("lpips_alex", config=LpipsConfig, target="avatar_kit.metrics.lpips:LpipsAlex")
    register("fid_inception", config=FidConfig, target="avatar_kit.metrics.frechet:FidInception")
