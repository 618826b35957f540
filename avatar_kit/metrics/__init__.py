"""Image and video metrics that rest on nothing that must be downloaded."""

from typing import TYPE_CHECKING

from avatar_kit.lazy import lazy_exports

if TYPE_CHECKING:
    from avatar_kit.metrics.image import PSNR as PSNR
    from avatar_kit.metrics.image import SSIM as SSIM
    from avatar_kit.metrics.image import psnr as psnr
    from avatar_kit.metrics.image import ssim as ssim
    from avatar_kit.metrics.perceptual import StLpips as StLpips
    from avatar_kit.metrics.perceptual import StTlpips as StTlpips

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
