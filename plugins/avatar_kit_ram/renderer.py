"""The renderer: joins the conditions and lets the StyleUNet paint person and background."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from avatar_kit.errors import UserError
from avatar_kit.interfaces import Renderer, Setup
from avatar_kit.nn import Kept, PlateBackground
from avatar_kit.scene import Camera, Condition, ConditionSpec, FeatureMap, RenderOutput, Vector
from avatar_kit_ram.config import StyleUNetConfig
from avatar_kit_ram.equalized import EqualConv2d, EqualLinear, joined, pixel_norm
from avatar_kit_ram.pyramid import Pyramid
from avatar_kit_ram.style_unet import StyleUNet


class StyleUNetRenderer(Renderer):
    """Feature maps and style codes to a picture.

    The background is painted or learned with it, so the camera must not move; with ``background:
    composite`` the person alone is painted, and stands before the capture's empty scene.
    """

    def __init__(
        self, config: StyleUNetConfig, setup: Setup, conditions: Mapping[str, ConditionSpec]
    ):
        super().__init__(config, setup, conditions)
        maps = sum(c.channels for c in conditions.values() if c.kind == "feature_map")
        codes = sum(c.channels for c in conditions.values() if c.kind == "vector")
        self.constant = None if codes else nn.Parameter(torch.randn(1, config.style))
        self.mapping = nn.Sequential(
            EqualLinear(codes or config.style, config.style, rate=0.01, activate=True),
            EqualLinear(config.style, config.style, rate=0.01, activate=True),
        )
        plate, composite = config.background == "plate", config.background == "composite"
        outputs = 3 + (plate or composite)
        self.network = StyleUNet(
            maps,
            setup.height,
            setup.width,
            channel_multiplier=config.channel_multiplier,
            max_channels=config.max_channels,
            style=config.style,
            outputs=outputs,
            finest_skip=config.shortcut,
            bare_skips=config.bare_skips,
        )
        self.shortcut = EqualConv2d(maps, outputs, 1, activate=False) if config.shortcut else None
        if self.shortcut is not None:
            # The first features are colours (and alpha) to begin with, as in deferred neural
            # rendering (Thies et al., 2019): the texture learns from the first step on.
            first = torch.eye(outputs, maps) / self.shortcut.weight_scale
            self.shortcut.weight.data = first[:, :, None, None].clone()
        self.plate = LearnedPlate(config, setup, conditions) if plate else None
        self.camera_moves = composite
        self.scene = PlateBackground(setup.plates, setup.stand) if composite else None
        self.layout = torch.channels_last if config.channels_last else torch.contiguous_format
        cast(Any, self).to(memory_format=self.layout)  # torch 2.13 does not type it
        self._style: Kept[Tensor] = Kept()

    def check_size(self, width: int, height: int) -> None:
        """The trained size alone: the noise of the network has that size."""
        known = self.setup
        if (width, height) != (known.width, known.height):
            raise UserError(
                f"camera: renderer '{self.config.type}' draws only pictures of "
                f"{known.width}x{known.height} pixels, not of {width}x{height}; use that width "
                "and height"
            )

    def forward(self, conditions: Mapping[str, Condition], camera: Camera) -> RenderOutput:
        """Pictures, and alpha where the network does not paint the background."""
        maps = [c.values for c in conditions.values() if isinstance(c, FeatureMap)]
        codes = [c.values for c in conditions.values() if isinstance(c, Vector)]
        features = joined(maps).contiguous(memory_format=self.layout)
        painted = self.network(features, self.style(codes))
        if self.shortcut is not None:
            painted = painted + self.shortcut(features)
        colours = 0.5 + 0.5 * painted[:, :3]
        if self.scene is None and self.plate is None:
            return RenderOutput(rgb=colours)
        # Colours are not premultiplied: where alpha is zero nothing the network paints shows.
        logit = painted[:, 3:]
        alpha = torch.sigmoid(logit)
        if self.scene is not None:
            scene = self.scene(camera)
            rgb = alpha * colours + (1 - alpha) * scene
            return RenderOutput(rgb, alpha, logit, colours, scene)
        # The plate learns from uncovered background alone; else it would learn the mean person.
        plate = cast(LearnedPlate, self.plate)(conditions)
        rgb = alpha * colours + (1 - alpha) * plate.detach()
        return RenderOutput(rgb, alpha, logit, background=plate)

    def style(self, codes: list[Tensor]) -> Tensor:
        """[B or 1, S] style from the frames' codes; without codes, from a learned constant."""
        if self.constant is None:
            return self.mapping(pixel_norm(torch.cat(codes, dim=1)))
        constant = self.constant
        needed = [constant, *self.mapping.parameters()]
        return self._style(needed, lambda: self.mapping(pixel_norm(constant)))


class LearnedPlate(nn.Module):
    """The still scene behind the person: the capture's picture of it, corrected, under shadows.

    The correction goes from full resolution down to a few pixels, so that what the person always
    hides is filled in from around it.
    """

    picture: Tensor

    def __init__(
        self, config: StyleUNetConfig, setup: Setup, conditions: Mapping[str, ConditionSpec]
    ):
        super().__init__()
        size = (setup.height, setup.width)
        known = setup.plates[0].picture if setup.plates else torch.full((3, *size), 0.5)
        self.register_buffer("picture", known[None].float().clone())
        self.correction = Pyramid(3, *size, levels=4, step=4, std=0.0)
        self.shadow = config.shadow
        if config.shadow is not None:
            if config.shadow not in conditions:
                raise UserError(
                    f"renderer.shadow: there is no encoder '{config.shadow}' "
                    f"(encoders: {', '.join(conditions)})"
                )
            lights = conditions[config.shadow].channels
            self.darkness = nn.Parameter(torch.full((lights,), -0.4))

    def forward(self, conditions: Mapping[str, Condition]) -> Tensor:
        """[B or 1, 3, H, W]."""
        # A small share, so that shadows are explained before the plate can swallow them.
        plate = self.picture + 0.05 * self.correction.picture()
        if self.shadow is None:
            return plate
        maps = cast(FeatureMap, conditions[self.shadow]).values
        kept = 1 - torch.sigmoid(5 * self.darkness)[:, None, None] * maps
        return plate * kept.prod(dim=1, keepdim=True)
