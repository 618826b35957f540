"""From neural textures to pictures: two U-Nets with an alpha (ANR), or one (DNR)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from avatar_kit.errors import UserError
from avatar_kit.interfaces import Renderer, Setup
from avatar_kit.nn import PlateBackground
from avatar_kit.scene import Camera, Condition, ConditionSpec, FeatureMap, RenderOutput
from avatar_kit_anr.config import DeferredUNetConfig, TwoStageUNetConfig
from avatar_kit_anr.unet import UNet


class TwoStageUNet(Renderer):
    """ANR's renderer (section 3.2): R1 refines the texture, R2 adds the normals and paints.

    The person is blended over the true scene by an alpha that may reach beyond the body.
    """

    config: TwoStageUNetConfig
    camera_moves = True

    def __init__(
        self, config: TwoStageUNetConfig, setup: Setup, conditions: Mapping[str, ConditionSpec]
    ):
        super().__init__(config, setup, conditions)
        unknown = [name for name in config.late if name not in conditions]
        if unknown:
            raise UserError(
                f"renderer.late: no encoder is named '{unknown[0]}'; there is "
                f"{', '.join(conditions)}"
            )
        early = [c.channels for name, c in conditions.items() if name not in config.late]
        late = [conditions[name].channels for name in config.late]
        if not early:
            raise UserError("renderer.late: at least one encoder must remain for the first stage")
        self.first: nn.Module | None = None
        if config.stages == 2:
            self.first = UNet(sum(early), config.features, config.widths, config.norm)
            self.second = UNet(config.features + sum(late), 4, config.widths, config.norm)
        else:
            self.second = UNet(sum(early) + sum(late), 4, config.widths, config.norm)
        self.scene = PlateBackground(setup.plates, setup.stand)

    def forward(self, conditions: Mapping[str, Condition], camera: Camera) -> RenderOutput:
        """The person over the scene; with two stages R1's first picture as auxiliary "coarse"."""
        early = _joined(conditions, [n for n in conditions if n not in self.config.late])
        auxiliary: dict[str, Tensor] = {}
        if self.first is not None:
            early = self.corrected(self.first(early), early)
            colours = 0.5 + 0.5 * early[:, :3]
            auxiliary["coarse"] = torch.cat([colours, torch.ones_like(colours[:, :1])], dim=1)
        painted = self.second(torch.cat([early, *_maps(conditions, self.config.late)], dim=1))
        painted = self.corrected(painted, early)
        person, logit = 0.5 + 0.5 * painted[:, :3], painted[:, 3:]
        alpha, scene = torch.sigmoid(logit), self.scene(camera)
        rgb = alpha * person + (1 - alpha) * scene
        return RenderOutput(rgb, alpha, logit, person, scene, auxiliary=auxiliary)

    def check_size(self, width: int, height: int) -> None:
        """Any size that the U-Nets can halve as often as they do."""
        _check_halvings(self.config, width, height)

    def corrected(self, painted: Tensor, given: Tensor) -> Tensor:
        """What a stage painted, as a correction of the colours it was given."""
        if not self.config.residual:
            return painted
        return torch.cat([painted[:, :3] + given[:, :3], painted[:, 3:]], dim=1)


class DeferredUNet(Renderer):
    """DNR's renderer: one U-Net sees the features and the true scene, and paints the picture.

    It corrects the mesh that is textured with the first three features and drawn before the scene:
    where nothing of the first encoder is seen, the scene shows through.
    """

    config: DeferredUNetConfig
    camera_moves = True

    def __init__(
        self, config: DeferredUNetConfig, setup: Setup, conditions: Mapping[str, ConditionSpec]
    ):
        super().__init__(config, setup, conditions)
        channels = sum(c.channels for c in conditions.values())
        if channels < 3:
            raise UserError("renderer 'deferred_unet' needs features of at least 3 channels")
        self.network = UNet(channels + 3, 3, config.widths, config.norm)
        self.scene = PlateBackground(setup.plates, setup.stand)

    def check_size(self, width: int, height: int) -> None:
        """Any size that the U-Net can halve as often as it does."""
        _check_halvings(self.config, width, height)

    def forward(self, conditions: Mapping[str, Condition], camera: Camera) -> RenderOutput:
        """The whole picture; the textured mesh alone as auxiliary "textured"."""
        features, scene = _joined(conditions, list(conditions)), self.scene(camera)
        texture = _maps(conditions, list(conditions))[0]  # others may be seen where no surface is
        covered = (texture != 0).any(1, keepdim=True)
        textured = 0.5 + 0.5 * features[:, :3]
        drawn = torch.where(covered, textured, scene)
        correction = self.network(torch.cat([features, 2 * scene - 1], dim=1))
        mesh = torch.cat([textured, covered.to(textured.dtype)], dim=1)
        rgb = drawn + 0.5 * correction
        return RenderOutput(rgb, background=scene, auxiliary={"textured": mesh})


def _check_halvings(
    config: TwoStageUNetConfig | DeferredUNetConfig, width: int, height: int
) -> None:
    least = 2 ** len(config.widths)
    if min(width, height) < least:
        raise UserError(
            f"camera: renderer '{config.type}' draws no picture of {width}x{height} pixels; both "
            f"sides must have at least {least}"
        )


def _maps(conditions: Mapping[str, Condition], names: Sequence[str]) -> list[Tensor]:
    found = [conditions[name] for name in names]
    return [c.values for c in found if isinstance(c, FeatureMap)]


def _joined(conditions: Mapping[str, Condition], names: Sequence[str]) -> Tensor:
    return torch.cat(_maps(conditions, names), dim=1)
