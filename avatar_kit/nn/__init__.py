"""What plugins build networks and losses with: perceptual distances, and the scene as backdrop."""

from typing import TYPE_CHECKING

from avatar_kit.lazy import lazy_exports

if TYPE_CHECKING:
    from avatar_kit.nn.backdrop import Backdrop as Backdrop
    from avatar_kit.nn.perceptual import StLpips as StLpips
    from avatar_kit.nn.perceptual_loss import PerceptualLoss as PerceptualLoss

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Backdrop": "avatar_kit.nn.backdrop",
        "PerceptualLoss": "avatar_kit.nn.perceptual_loss",
        "StLpips": "avatar_kit.nn.perceptual",
    },
)
