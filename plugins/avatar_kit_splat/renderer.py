"""Gaussians over the recorded scene."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from avatar_kit.errors import UserError
from avatar_kit.graphics import harmonic_colors, host_copy, in_full_precision, splat
from avatar_kit.interfaces import Renderer, Setup
from avatar_kit.nn import PlateBackground, averaged_within, windows
from avatar_kit.scene import (
    Camera,
    Condition,
    ConditionSpec,
    FeatureMap,
    GaussianCloud,
    RenderOutput,
)
from avatar_kit_splat.config import SplatConfig

#: Share of the trained picture's height that the three versions of a shadow are blurred by.
_BLURS = (0.0, 0.02, 0.06)

#: Square pixels that widen every Gaussian on the trained picture, as in gsplat.
_WIDENED = 0.3

#: How many times larger than in the training a person is seen before the pixels that Gaussians are
#: widened by grow with it: in the training a person comes nearer, too.
_NEARER = 1.25


class SplatRenderer(Renderer):
    """One cloud of Gaussians; maps, such as that of a cast shadow, darken the scene behind it."""

    config: SplatConfig
    camera_moves = True

    def __init__(self, config: SplatConfig, setup: Setup, conditions: Mapping[str, ConditionSpec]):
        super().__init__(config, setup, conditions)
        clouds = [name for name, spec in conditions.items() if spec.kind == "gaussians"]
        if len(clouds) != 1 or conditions[clouds[0]].channels < 3:
            raise UserError(
                f"renderer 'splat' draws one cloud of Gaussians with colours, but there are "
                f"{len(clouds)} (encoders: {', '.join(conditions)})"
            )
        self.cloud = clouds[0]
        maps = sum(spec.channels for spec in conditions.values() if spec.kind == "feature_map")
        self.scene = PlateBackground(setup.plates, setup.stand)
        self.trained_height = setup.height
        self.trained_focal = max(float(camera.K[:, 1, 1].max()) for camera in setup.cameras)
        self.trained_scale = _largest_scale(setup)
        self.darkness = nn.Parameter(torch.full((maps, len(_BLURS), 3), -2.0)) if maps else None

    def forward(self, conditions: Mapping[str, Condition], camera: Camera) -> RenderOutput:
        """The person over the scene; depth in metres where the person is."""
        cloud = cast(GaussianCloud, conditions[self.cloud])
        if cloud.features is not None:
            colours = cloud.features[..., :3]
        else:
            harmonics = cast(Tensor, cloud.spherical_harmonics)
            colours = harmonic_colors(harmonics, cloud.means, camera)
        drawn = splat(
            cloud.means,
            cloud.quaternions,
            cloud.scales,
            cloud.opacities,
            colours,
            camera,
            covariances=cloud.covariances,
            visible=cloud.visible,
            eps2d=self.widening(cloud.means, camera),
        )
        background = self.background(conditions, camera)
        alpha = drawn.alpha
        person = drawn.features / alpha.clamp(min=1e-4)
        rgb = drawn.features + (1 - alpha) * background
        depth = torch.where(alpha > 0.5, drawn.expected_depth, torch.zeros_like(alpha))
        return RenderOutput(rgb, alpha, person=person, background=background, depth=depth)

    @in_full_precision
    def widening(self, means: Tensor, camera: Camera) -> float:
        """Square pixels that Gaussians are widened by.

        In the training these fill what lies between Gaussians. A nearer camera would see the gaps,
        so for it they grow: what is filled stays the same in metres.
        """
        if self.trained_scale is None:
            return _WIDENED
        with torch.no_grad():
            z = (means @ camera.R.mT + camera.t[:, None])[..., 2].mean()
            scale = float(camera.K[:, 1, 1].mean() / z.clamp(min=1e-3))
        return _WIDENED * max(1.0, scale / (_NEARER * self.trained_scale)) ** 2

    def background(self, conditions: Mapping[str, Condition], camera: Camera) -> Tensor:
        """[B, 3, H, W] the scene under the maps, each as it is and blurred."""
        scene = self.scene(camera)
        maps = [c.values for c in conditions.values() if isinstance(c, FeatureMap)]
        if not maps or self.darkness is None:
            return scene
        dark = torch.sigmoid(2 * self.darkness)  # [maps, levels, 3]
        height = self.trained_height * float(host_copy(camera.K)[0, 1, 1]) / self.trained_focal
        given = torch.cat(maps, dim=1)
        source, target = windows(given, margin=round(3 * _BLURS[-1] * height))
        touched = scene[(..., *target)]
        for level, share in enumerate(_BLURS):
            sigma = share * height
            soft = averaged_within(given, sigma, source, target) if share else given[(..., *target)]
            for shadow, shades in zip(soft.unbind(1), dark[:, level], strict=True):
                touched = touched * (1 - shades[:, None, None] * shadow[:, None])
        scene = scene.clone()
        scene[(..., *target)] = touched
        return scene


def _largest_scale(setup: Setup) -> float | None:
    """Pixels a metre at the person, of the training camera that sees them largest."""
    if setup.stand is None:
        return None
    point = torch.tensor([setup.stand])
    scales = []
    for camera in setup.cameras:
        _, depth = camera.project(point[None].to(camera.K).expand(len(camera), 1, 3))
        scales.append(float((camera.K[:, 1, 1] / depth[:, 0].clamp(min=1e-3)).max()))
    return max(scales)
