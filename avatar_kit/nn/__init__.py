"""What plugins build networks and losses with: distances, the recorded scene, kept values."""

from typing import TYPE_CHECKING

from avatar_kit.lazy import lazy_exports

if TYPE_CHECKING:
    from avatar_kit.nn.averages import averaged as averaged
    from avatar_kit.nn.averages import averaged_within as averaged_within
    from avatar_kit.nn.averages import windows as windows
    from avatar_kit.nn.kept import Kept as Kept
    from avatar_kit.nn.perceptual import StLpips as StLpips
    from avatar_kit.nn.perceptual_loss import PerceptualLoss as PerceptualLoss
    from avatar_kit.nn.plate_background import PlateBackground as PlateBackground
    from avatar_kit.nn.resizing import keep_rows as keep_rows
    from avatar_kit.nn.similarity import structural_similarity as structural_similarity

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Kept": "avatar_kit.nn.kept",
        "PerceptualLoss": "avatar_kit.nn.perceptual_loss",
        "PlateBackground": "avatar_kit.nn.plate_background",
        "StLpips": "avatar_kit.nn.perceptual",
        "averaged": "avatar_kit.nn.averages",
        "averaged_within": "avatar_kit.nn.averages",
        "keep_rows": "avatar_kit.nn.resizing",
        "structural_similarity": "avatar_kit.nn.similarity",
        "windows": "avatar_kit.nn.averages",
    },
)
