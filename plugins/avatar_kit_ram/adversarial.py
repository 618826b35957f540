"""The adversarial game: recorded is high, painted is low; the renderer wants its pictures high.

Non-saturating losses (Goodfellow et al., 2014) with a lazy gradient penalty (Mescheder et al.,
2018; Karras et al., 2020). The released code of RAM-Avatar has the two labels swapped.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avatar_kit.interfaces import Batch
from avatar_kit_ram.training_config import StagesConfig

#: Weight of the adversarial loss at the start, relative to where it ends (0.001 to 0.02).
START = 0.05

#: Growth of the weight from stair to stair.
GROWTH = 1.1


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
