"""Image and video metrics. None of them downloads anything."""

from typing import TYPE_CHECKING

from avatar_kit.lazy import lazy_exports

if TYPE_CHECKING:
    from avatar_kit.metrics.flip import Flip as Flip
    from avatar_kit.metrics.frechet import FidInception as FidInception
    from avatar_kit.metrics.frechet import FrechetAlex as FrechetAlex
    from avatar_kit.metrics.frechet import frechet_distance as frechet_distance
    from avatar_kit.metrics.image import PSNR as PSNR
    from avatar_kit.metrics.image import SSIM as SSIM
    from avatar_kit.metrics.image import psnr as psnr
    from avatar_kit.metrics.image import ssim as ssim
    from avatar_kit.metrics.lpips import LpipsAlex as LpipsAlex
    from avatar_kit.metrics.perceptual import StLpips as StLpips
    from avatar_kit.metrics.perceptual import StTlpips as StTlpips

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "FidInception": "avatar_kit.metrics.frechet",
        "Flip": "avatar_kit.metrics.flip",
        "FrechetAlex": "avatar_kit.metrics.frechet",
        "LpipsAlex": "avatar_kit.metrics.lpips",
        "PSNR": "avatar_kit.metrics.image",
        "SSIM": "avatar_kit.metrics.image",
        "StLpips": "avatar_kit.metrics.perceptual",
        "StTlpips": "avatar_kit.metrics.perceptual",
        "frechet_distance": "avatar_kit.metrics.frechet",
        "psnr": "avatar_kit.metrics.image",
        "ssim": "avatar_kit.metrics.image",
    },
)
