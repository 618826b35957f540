"""Image and video metrics that rest on nothing that must be downloaded."""

from avatar_kit.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "PSNR": "avatar_kit.metrics.image",
        "SSIM": "avatar_kit.metrics.image",
        "StLpips": "avatar_kit.metrics.perceptual",
        "StTlpips": "avatar_kit.metrics.perceptual",
        "psnr": "avatar_kit.metrics.image",
        "ssim": "avatar_kit.metrics.image",
    },
)
