"""The adversarial game: recorded is high, painted is low; the renderer wants its pictures high.

Non-saturating losses (Goodfellow et al., 2014) with a lazy gradient penalty (Mescheder et al.,
2018; Karras et al., 2020). The released code of RAM-Avatar has the two labels swapped.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Adam

from avatar_kit.interfaces import Batch
from avatar_kit_ram.discriminator import Discriminator
from avatar_kit_ram.training_config import DiscriminatorConfig, StagesConfig

#: Weight of the adversarial loss at the start, relative to where it ends (0.001 to 0.02).
START = 0.05

#: Growth of the weight from stair to stair.
GROWTH = 1.1


class Adversary:
    """The discriminator, its optimiser and its update.

    Args:
        config: Its shape and rates.
        size: Height and width of the pictures in pixels.
        device: Where it runs.
    """

    def __init__(self, config: DiscriminatorConfig, size: tuple[int, int], device: torch.device):
        self.config = config
        self.network = Discriminator(
            9,
            *size,
            channel_multiplier=config.channel_multiplier,
            max_channels=config.max_channels,
        ).to(device)
        # The penalty comes every few steps only: Adam's rate and memory make up for the extra
        # gradient (Karras et al., 2020, appendix B).
        ratio = config.r1_every / (config.r1_every + 1) if config.r1 else 1.0
        self.peak = config.learning_rate * ratio
        self.optimizer = Adam(self.network.parameters(), self.peak, betas=(0.0, 0.99**ratio))

    def renderer_loss(self, batch: Batch, painted: Tensor) -> Tensor:
        """What the renderer minimises for its pictures [B, 3, H, W]; only they get a gradient."""
        self.network.requires_grad_(False)
        loss = renderer_loss(self.network(in_time(batch, painted)))
        self.network.requires_grad_(True)
        return loss

    def update(
        self, batches: Sequence[Batch], painted: Sequence[Tensor], step: int, rate: float
    ) -> dict[str, Tensor]:
        """One update of the discriminator.

        Args:
            batches: Parts of a batch.
            painted: [B, 3, H, W] what the renderer made of each, detached.
            step: Number of updates done before this one.
            rate: Share of the peak learning rate.

        Returns:
            Its losses, detached.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self.peak * rate
        self.optimizer.zero_grad(set_to_none=True)
        total: dict[str, Tensor] = {}
        frames = sum(len(batch) for batch in batches)
        for batch, pictures in zip(batches, painted, strict=True):
            recorded = in_time(batch, batch.image)
            scores = self.network(recorded), self.network(in_time(batch, pictures))
            losses = {"discriminator": discriminator_loss(*scores)}
            loss = losses["discriminator"]
            if self.config.r1 and step % self.config.r1_every == 0:
                losses["r1"] = gradient_penalty(self.network, recorded)
                loss = loss + self.config.r1 * self.config.r1_every * losses["r1"]
            share = len(batch) / frames
            (share * loss).backward()
            for name, value in losses.items():
                total[name] = total.get(name, 0) + share * value.detach()
        self.optimizer.step()
        return total


def renderer_loss(painted: Tensor) -> Tensor:
    """What the renderer minimises, from the scores [B] of its pictures."""
    return F.softplus(-painted).mean()


def discriminator_loss(recorded: Tensor, painted: Tensor) -> Tensor:
    """What the discriminator minimises, from the scores [B] of both."""
    return F.softplus(-recorded).mean() + F.softplus(painted).mean()


def gradient_penalty(discriminator: nn.Module, recorded: Tensor) -> Tensor:
    """Half the mean squared gradient of the scores at recorded pictures [B, C, H, W] (R1).

    Computed in float32 also under autocast: it squares small numbers.
    """
    with torch.autocast(recorded.device.type, enabled=False):
        pictures = recorded.detach().float().requires_grad_()
        scores = discriminator(pictures)
        (gradient,) = torch.autograd.grad(scores.sum(), pictures, create_graph=True)
    return 0.5 * gradient.square().sum((1, 2, 3)).mean()


def in_time(batch: Batch, picture: Tensor) -> Tensor:
    """[B, 9, H, W] in [-1, 1]: ``picture`` between the recorded ones before and after it."""
    if batch.previous_image is None or batch.next_image is None:
        raise ValueError("the batch carries no neighbouring pictures")
    return 2 * torch.cat([batch.previous_image, picture, batch.next_image], dim=1) - 1


def adversarial_weight(step: int, steps: int, stages: StagesConfig, final: float) -> float:
    """Weight of the adversarial loss: stairs of 10 % from a twentieth of ``final`` up to it."""
    stairs = stages.progress(step, steps) // stages.adversarial_every
    return final * min(1.0, START * GROWTH**stairs)
