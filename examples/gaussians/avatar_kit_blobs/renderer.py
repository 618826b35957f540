"""The renderer: splats the cloud and puts it before the plate."""

from __future__ import annotations

from collections.abc import Mapping

from avatar_kit.graphics import splat
from avatar_kit.interfaces import Renderer, Setup
from avatar_kit.nn import PlateBackground
from avatar_kit.scene import Camera, Condition, ConditionSpec, GaussianCloud, RenderOutput
from avatar_kit_blobs.config import SplatConfig


class Splat(Renderer):
    """By the rules of gsplat; the camera may go anywhere."""

    config: SplatConfig
    camera_moves = True

    def __init__(self, config: SplatConfig, setup: Setup, conditions: Mapping[str, ConditionSpec]):
        super().__init__(config, setup, conditions)
        self.scene = PlateBackground(setup.plates, setup.stand)

    def forward(self, conditions: Mapping[str, Condition], camera: Camera) -> RenderOutput:
        """[B, 3, H, W]."""
        (cloud,) = (c for c in conditions.values() if isinstance(c, GaussianCloud))
        drawn = splat(
            cloud.means,
            cloud.quaternions,
            cloud.scales,
            cloud.opacities,
            cloud.features,
            camera,
            covariances=cloud.covariances,
            visible=cloud.visible,
        )
        background = self.scene(camera)
        return RenderOutput(
            rgb=drawn.features + (1 - drawn.alpha) * background,
            alpha=drawn.alpha,
            person=drawn.features / drawn.alpha.clamp(min=1e-6),
            background=background,
        )
