"""How RAM-Avatar is trained."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from avatar_kit.interfaces import Avatar, Batch, Method
from avatar_kit.nn.perceptual import StLpips
from avatar_kit.nn.perceptual_loss import PerceptualLoss
from avatar_kit.scene import RenderOutput
from avatar_kit_ram.adversarial import Adversary, adversarial_weight
from avatar_kit_ram.attentive import AttentiveTexture
from avatar_kit_ram.compiling import compile_modules
from avatar_kit_ram.config import LossConfig, OptimizerConfig, RamConfig
from avatar_kit_ram.equalized import EqualConv2d, EqualLinear
from avatar_kit_ram.hand_loss import hand_loss
from avatar_kit_ram.modulated import ModulatedConv2d
from avatar_kit_ram.pyramid import Pyramid
from avatar_kit_ram.style_unet import StyleUNet


class Ram(Method):
    """Whole pictures, background included, are compared pixel by pixel, by perceptual features, on
    the hands, and by a discriminator that sees them between their neighbours in time (equation 3).
    """

    config: RamConfig

    def __init__(self, config: RamConfig, avatar: Avatar):
        super().__init__(config, avatar)
        device, loss = avatar.shape.device, config.loss
        self.perceptual = perceptual_loss(loss)
        if self.perceptual is not None:
            self.perceptual.to(device)
        self.hands = StLpips("vgg").to(device) if loss.hand else None
        self.adversary = None
        if loss.adversarial:
            setup = avatar.renderer.setup
            self.adversary = Adversary(config.discriminator, (setup.height, setup.width), device)
        self.neighbours = self.adversary is not None
        self.optimizer = Adam(
            parameter_groups(avatar, config.optimizer), betas=config.optimizer.betas, fused=True
        )
        if device.type == "cuda":  # all pictures have one size: it pays to try convolutions out
            torch.backends.cudnn.benchmark = True
        self.compiled = ""
        if config.compile:
            networks = [m for m in avatar.renderer.modules() if isinstance(m, StyleUNet)]
            self.compiled = compile_modules(networks, device)

    def training_step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """One update of everything, then one of the discriminator."""
        rate = schedule(step, self.config.steps, self.config.optimizer)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        self.enter_stage(step)
        self.optimizer.zero_grad(set_to_none=True)
        parts, painted = batch.parts(self.config.accumulate), []
        total: dict[str, Tensor] = {}
        for part in parts:
            output = self.avatar(part.context)
            losses = self.losses(output, part, step)
            share = len(part) / len(batch)
            (share * losses["loss"]).backward()
            painted.append(output.rgb.detach().float())
            for name, value in losses.items():
                total[name] = total.get(name, 0) + share * value.detach()
        if self.config.optimizer.clip is not None:
            groups = self.optimizer.param_groups
            learned = [p for group in groups for p in group["params"]]
            nn.utils.clip_grad_norm_(learned, self.config.optimizer.clip)
        self.optimizer.step()
        if self.adversary is not None:
            total |= self.adversary.update(parts, painted, step, rate)
        return total

    def enter_stage(self, step: int) -> None:
        """Attention joins after the first steps; textures rest in the last (supplement, 3)."""
        stages = self.config.stages
        now = stages.progress(step, self.config.steps)
        for encoder in self.avatar.encoders.values():
            if isinstance(encoder, AttentiveTexture):
                encoder.attend = now >= stages.attention_from
        for chart in self.avatar.charts().values():
            chart.requires_grad_(now < stages.texture_until)

    def losses(self, output: RenderOutput, batch: Batch, step: int) -> dict[str, Tensor]:
        """The weighted sum under "loss", and its unweighted terms."""
        weights = self.config.loss
        rgb, image = before_random_colours(output, batch)
        terms = {"pixel": (weights.pixel, F.smooth_l1_loss(rgb, image, beta=weights.smooth))}
        if self.perceptual is not None:
            shown = torch.stack([rgb, image])
            if weights.perceptual_crop:
                error = (rgb - image).detach().abs().mean(1, keepdim=True)
                shown = crop_around(shown, error, weights.perceptual_crop)
            terms["perceptual"] = (weights.perceptual, self.perceptual(shown[0], shown[1]))
        if self.hands is not None:
            hands = hand_loss(self.hands, rgb, image, batch.context)
            if hands is not None:
                terms["hand"] = (weights.hand, hands)
        if self.adversary is not None:
            config = self.config
            weight = adversarial_weight(step, config.steps, config.stages, weights.adversarial)
            loss = self.adversary.renderer_loss(batch, output.rgb.float())
            terms["adversarial"] = (weight, loss)
        if output.alpha_logit is not None:
            weight = 0.5 if weights.alpha is None else weights.alpha
            entropy = F.binary_cross_entropy_with_logits(output.alpha_logit.float(), batch.mask)
            terms["alpha"] = (weight, entropy)
        if output.background is not None and output.background.requires_grad:  # it is learned
            off = (output.background - batch.image).abs()
            terms["background"] = (1.0, (off * uncovered(batch.mask)).mean())
        loss = torch.stack([weight * term for weight, term in terms.values()]).sum()
        return {"loss": loss, **{name: term for name, (_, term) in terms.items()}}

    def optimizers(self) -> dict[str, Optimizer]:
        """Adam for the avatar, and one for the discriminator."""
        if self.adversary is None:
            return {"avatar": self.optimizer}
        return {"avatar": self.optimizer, "discriminator": self.adversary.optimizer}

    def modules(self) -> dict[str, nn.Module]:
        """The discriminator."""
        return {} if self.adversary is None else {"discriminator": self.adversary.network}

    def facts(self) -> dict[str, str]:
        """Which perceptual network compares the pictures; whether the network is compiled."""
        facts = {}
        if self.perceptual is not None:
            facts["perceptual loss"] = self.perceptual.source
        if self.compiled:
            facts["compiled"] = self.compiled
        return facts


def uncovered(mask: Tensor) -> Tensor:
    """[B, 1, H, W] bool: at least three pixels away from anything of the person.

    On the soft edge of a mask the picture is a mixture, and Adam makes much of however small a
    weight: where the person nearly always stands, the plate would learn their outline.
    """
    near = mask >= 0.05
    for axis in (-1, -2):
        padded = F.pad(near, (2, 2) if axis == -1 else (0, 0, 2, 2))
        shifted = [padded.narrow(axis, start, near.shape[axis]) for start in range(5)]
        near = torch.stack(shifted).any(0)
    return ~near


def before_random_colours(output: RenderOutput, batch: Batch) -> tuple[Tensor, Tensor]:
    """Painted and recorded pictures [B, 3, H, W], as they are to be compared.

    Where the renderer gives the person alone, both are put before the same random colour: then an
    alpha that is wrong shows, whatever the recorded background.
    """
    if output.person is None or output.alpha is None:
        return output.rgb.float(), batch.image
    colour = torch.rand(len(batch), 3, 1, 1).to(batch.image.device)
    alpha = output.alpha.float()
    painted = alpha * output.person.float() + (1 - alpha) * colour
    return painted, batch.mask * batch.image + (1 - batch.mask) * colour


def perceptual_loss(config: LossConfig) -> PerceptualLoss | None:
    """The perceptual loss a config asks for; None where its weight is zero."""
    if not config.perceptual:
        return None
    return PerceptualLoss([1.0] * config.perceptual_stages, max_size=config.perceptual_size)


def schedule(step: int, steps: int, config: OptimizerConfig) -> float:
    """Share of the peak learning rate: a linear warm-up times a cosine from 1 to ``config.end``."""
    rise = min(1.0, (step + 1) / (config.warm_up + 1))
    fall = 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
    return rise * (config.end + (1 - config.end) * fall)


def parameter_groups(avatar: Avatar, config: OptimizerConfig) -> list[dict]:
    """Textures; weights of convolutions and linear layers, which decay; everything else.

    Each group keeps its peak learning rate under "peak".
    """
    charts = {id(chart) for chart in avatar.charts().values()}
    layers = (EqualConv2d, EqualLinear, ModulatedConv2d, nn.Conv2d, nn.Linear)
    textures, weights, others = [], [], []
    for module in avatar.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if id(parameter) in charts or isinstance(module, Pyramid):
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
    for b, wrong in enumerate(error.flatten(1).nan_to_num(0, 0, 0) + 1e-8):
        pixel = torch.multinomial(wrong, 1)  # stays a tensor: an int would make the CPU wait
        top = (pixel // width - size_y // 2).clamp(0, height - size_y)
        left = (pixel % width - size_x // 2).clamp(0, width - size_x)
        rows = top + torch.arange(size_y, device=pictures.device)
        columns = left + torch.arange(size_x, device=pictures.device)
        crops.append(pictures[..., b, :, :, :].index_select(-2, rows).index_select(-1, columns))
    return torch.stack(crops, dim=-4)
