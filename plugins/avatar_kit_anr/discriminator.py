"""The multi-scale patch discriminator (pix2pixHD, Wang et al., 2018) with least-squares losses."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avatar_kit_anr.config import DiscriminatorConfig


class MultiScaleDiscriminator(nn.Module):
    """One patch discriminator for each of several sizes of the picture."""

    def __init__(self, config: DiscriminatorConfig):
        super().__init__()
        self.scales = nn.ModuleList(
            patch_discriminator(config.width, config.layers) for _ in range(config.scales)
        )

    def forward(self, picture: Tensor) -> list[Tensor]:
        """[B, 3, H, W] in [0, 1] to one map of scores [B, 1, h, w] per scale."""
        scores = []
        for scale, network in enumerate(self.scales):
            shown = F.avg_pool2d(picture, 2**scale) if scale else picture
            scores.append(network(2 * shown - 1))
        return scores


def patch_discriminator(width: int, layers: int) -> nn.Sequential:
    """Scores overlapping patches; with three layers each sees 70 x 70 pixels."""
    stack: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    channels = width
    for layer in range(1, layers + 1):
        wider = min(2 * channels, 8 * width)
        stride = 1 if layer == layers else 2
        stack.append(nn.Conv2d(channels, wider, 4, stride, 1))
        stack += [nn.InstanceNorm2d(wider), nn.LeakyReLU(0.2)]
        channels = wider
    return nn.Sequential(*stack, nn.Conv2d(channels, 1, 4, 1, 1))


def realism_loss(scores: list[Tensor]) -> Tensor:
    """What the generator pays for pictures that do not score one."""
    return torch.stack([(s - 1).square().mean() for s in scores]).mean()


def discrimination_loss(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """What the discriminator pays: recorded pictures should score one, rendered ones zero."""
    terms = [(r - 1).square().mean() + f.square().mean() for r, f in zip(real, fake, strict=True)]
    return 0.5 * torch.stack(terms).mean()
