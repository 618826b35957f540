"""The neural texture with dual attention (section 3.2)."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avatar_kit.errors import UserError
from avatar_kit.graphics import Fragments, rasterize, sample_texture, uv_map
from avatar_kit.interfaces import Samples, Setup
from avatar_kit.scene import FeatureMap, FrameContext
from avatar_kit_ram.attention import CrissCrossBranch
from avatar_kit_ram.attention_triton import missing
from avatar_kit_ram.config import AttentiveTextureConfig
from avatar_kit_ram.encoders import NeuralTexture


class AttentiveTexture(NeuralTexture):
    """A neural texture whose features look at a shell around the body and at the frame before.

    The spatial branch asks from the features rasterised with a body pulled outwards, the temporal
    branch from those of the body at t-1; both look into the features at t. They work on averages of
    ``stride`` x ``stride`` pixels, and their sum, enlarged, is added to the features. To begin with
    that sum is zero: the neural texture alone.

    Attributes:
        attend: Whether the attention is computed; False gives the neural texture alone. Set by
            training, which starts without it (supplement, section 3).
    """

    config: AttentiveTextureConfig

    def __init__(self, config: AttentiveTextureConfig, setup: Setup):
        super().__init__(config, setup)
        self.attend = True
        chosen = {"spatial": config.spatial, "temporal": config.temporal}
        self.branches = nn.ModuleDict(
            {
                name: CrissCrossBranch(
                    config.channels,
                    config.query_channels,
                    distance=config.distance_mode,
                    kernel=config.kernel,
                )
                for name, on in chosen.items()
                if on
            }
        )

    def begin(self, samples: Samples) -> None:
        """Refuse a kernel that cannot run here; avatars are shown with the one that can.

        Raises:
            UserError: ``kernel`` is "triton", and Triton or a CUDA device is missing.
        """
        super().begin(samples)
        reason = missing(self.charts()[0].device) if self.config.kernel == "triton" else None
        if reason is not None:
            raise UserError(
                f"attentive_texture: kernel=triton cannot run here: {reason}; or use kernel=torch"
            )

    def forward(self, context: FrameContext) -> FeatureMap:
        """[B, C (+ 3), H, W]."""
        plain = super().forward(context)
        if not self.attend or not self.branches:
            return plain
        features, stride, camera = plain.values, self.config.stride, context.camera
        small = shrink(features[:, : self.config.channels], stride)
        found = [branch(self.query(name, context), small) for name, branch in self.branches.items()]
        addition = enlarge(torch.stack(found).sum(0), stride, (camera.height, camera.width))
        extra = features.shape[1] - addition.shape[1]
        return FeatureMap(features + F.pad(addition, (0, 0, 0, 0, 0, extra)))

    def query(self, branch: str, context: FrameContext) -> Tensor:
        """[B, C, h, w] the features a branch asks from, at the size of the attention.

        They are drawn small from the start: ``query_samples`` on each axis of a cell, off a texture
        averaged to match. Drawn at full size they would cost more than the attention.
        """
        samples, stride = self.config.query_samples, self.config.stride
        coarser = max(1, stride // samples)
        picture = self.textures.picture()
        side = max(1, self.config.size // coarser)
        picture = F.interpolate(picture, size=(side, side), mode="area")
        camera = context.camera
        width, height = (-(-x * samples // stride) for x in (camera.width, camera.height))
        camera = camera.crop_resize(0.0, 0.0, samples / stride, width, height)
        context = replace(context, camera=camera)
        fragments = self.shell(context) if branch == "spatial" else self.before(context)
        uv = uv_map(context.body.topology, fragments)
        return shrink(sample_texture(picture, uv, fragments.mask), samples)

    def shell(self, context: FrameContext) -> Fragments:
        """What is seen of the expanded body."""
        body, distance = context.body, self.config.expansion + self.config.query_expansion
        expanded = body.vertices + distance * body.normals
        return rasterize(expanded, body.topology.faces, context.camera)

    def before(self, context: FrameContext) -> Fragments:
        """What the camera at t sees of the body at t-1."""
        return self.fragments(replace(context, body=context.previous))


def shrink(x: Tensor, stride: int) -> Tensor:
    """Averages of ``stride`` x ``stride`` pixels; cells at the border take what there is."""
    return F.avg_pool2d(x, stride, ceil_mode=True, count_include_pad=False)


def enlarge(x: Tensor, stride: int, size: tuple[int, int]) -> Tensor:
    """Bilinear enlargement that undoes :func:`shrink`'s placement, cut to ``size``."""
    height, width = size
    x = F.interpolate(x, scale_factor=stride, mode="bilinear", align_corners=False)
    return x[..., :height, :width]
