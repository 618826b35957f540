"""How RAM-Avatar is trained."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from avatar_kit.interfaces import Avatar, Batch, Method
from avatar_kit.nn.equalized import EqualConv2d, EqualLinear
from avatar_kit.nn.modulated import ModulatedConv2d
from avatar_kit.nn.perceptual_loss import PerceptualLoss
from avatar_kit.scene import RenderOutput
from avatar_kit_ram.config import LossConfig, OptimizerConfig, RamConfig
from avatar_kit_ram.pyramid import Pyramid
from avatar_kit_ram.shadow import CastShadow


class Ram(Method):
    """Mean absolute error and perceptual loss on whole pictures, background included."""

    config: RamConfig

    def __init__(self, config: RamConfig, avatar: Avatar):
        super().__init__(config, avatar)
        self.perceptual = perceptual_loss(config.loss)
        if self.perceptual is not None:
            self.perceptual.to(avatar.shape.device)
        self.optimizer = Adam(parameter_groups(avatar, config.optimizer), betas=(0.9, 0.99))

    def training_step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """One update of everything."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * schedule(step, self.config.steps, self.config.optimizer)
        for encoder in self.avatar.encoders.values():
            if isinstance(encoder, CastShadow):
                encoder.search(batch.context, batch.image, batch.mask)
        losses = self.losses(self.avatar(batch.context), batch)
        self.optimizer.zero_grad(set_to_none=True)
        losses["loss"].backward()
        self.optimizer.step()
        return {name: value.detach() for name, value in losses.items()}

    def losses(self, output: RenderOutput, batch: Batch) -> dict[str, Tensor]:
        """The weighted sum under "loss", and its unweighted terms."""
        weights, rgb = self.config.loss, output.rgb.float()
        pixel = F.smooth_l1_loss(rgb, batch.image, beta=weights.smooth)
        losses = {"loss": weights.pixel * pixel, "pixel": pixel}
        if self.perceptual is not None:
            shown = torch.stack([rgb, batch.image])
            if weights.perceptual_crop:
                error = (rgb - batch.image).detach().abs().mean(1, keepdim=True)
                shown = crop_around(shown, error, weights.perceptual_crop)
            losses["perceptual"] = self.perceptual(shown[0], shown[1])
            losses["loss"] = losses["loss"] + weights.perceptual * losses["perceptual"]
        if "plate" in output.extras:
            logit, plate = output.extras["matte_logit"].float(), output.extras["plate"]
            losses["matte"] = F.binary_cross_entropy_with_logits(logit, batch.mask)
            losses["plate"] = ((plate - batch.image).abs() * (1 - batch.mask)).mean()
            losses["loss"] = losses["loss"] + weights.matte * losses["matte"] + losses["plate"]
        return losses

    def optimizers(self) -> dict[str, Optimizer]:
        """One Adam."""
        return {"avatar": self.optimizer}


def perceptual_loss(config: LossConfig) -> PerceptualLoss | None:
    """The perceptual loss a config asks for; None where its weight is zero."""
    if not config.perceptual:
        return None
    return PerceptualLoss([1.0] * config.perceptual_stages, max_size=config.perceptual_size)


def schedule(step: int, steps: int, config: OptimizerConfig) -> float:
    """Share of the peak learning rate: a linear warm-up times a cosine from 1 to 0."""
    rise = min(1.0, (step + 1) / (config.warm_up + 1))
    return rise * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))


def parameter_groups(avatar: Avatar, config: OptimizerConfig) -> list[dict]:
    """Textures; weights of convolutions and linear layers, which decay; everything else.

    Each group keeps its peak learning rate under "peak".
    """
    layers = (EqualConv2d, EqualLinear, ModulatedConv2d, nn.Conv2d, nn.Linear)
    textures, weights, others = [], [], []
    for module in avatar.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if isinstance(module, Pyramid):
                textures.append(parameter)
            elif isinstance(module, layers) and name == "weight":
                weights.append(parameter)
            else:
                others.append(parameter)
    rate, decay = config.learning_rate, config.weight_decay
    groups = [
        {"params": textures, "peak": config.texture_learning_rate, "weight_decay": 0.0},
        {"params": weights, "peak": rate, "weight_decay": decay},
        {"params": others, "peak": rate, "weight_decay": 0.0},
    ]
    return [{**group, "lr": group["peak"]} for group in groups if group["params"]]


def crop_around(pictures: Tensor, error: Tensor, size: int) -> Tensor:
    """Cut a square out of every picture, more often where the error is large.

    Args:
        pictures: [..., B, C, H, W]; the leading dimensions share the crop.
        error: [B, 1, H, W] not negative: how wrong every pixel is.
        size: Side of the square in pixels.

    Returns:
        [..., B, C, size, size], or the whole picture where that is smaller.
    """
    height, width = pictures.shape[-2:]
    size_y, size_x = min(size, height), min(size, width)
    crops = []
    for b, wrong in enumerate(error.flatten(1) + 1e-8):
        pixel = int(torch.multinomial(wrong, 1))
        top = min(max(pixel // width - size_y // 2, 0), height - size_y)
        left = min(max(pixel % width - size_x // 2, 0), width - size_x)
        crops.append(pictures[..., b, :, top : top + size_y, left : left + size_x])
    return torch.stack(crops, dim=-4)
