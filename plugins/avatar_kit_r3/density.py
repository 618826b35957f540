"""Density control: Gaussians are cloned, split, merged and dropped, gated by their divergence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import roma
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Optimizer

from avatar_kit.interfaces import Part
from avatar_kit.nn import keep_rows
from avatar_kit.scene import Camera
from avatar_kit.surface import nearest_neighbours
from avatar_kit_r3.cloud import RecordedGaussians
from avatar_kit_r3.config import DensityConfig

#: What the extents of the two halves of a split one, and of a merged one, are multiplied by.
_SPLIT, _MERGED = 1 / 1.6, 1.25

#: Share of ``crowd`` by which there are more Gaussians before the threshold grows by its own size.
_CROWDING = 1 / 7


def divergence(
    mean0: Tensor, quaternion0: Tensor, scale0: Tensor,
    mean1: Tensor, quaternion1: Tensor, scale1: Tensor,
) -> Tensor:  # fmt: skip
    """[N] Kullback-Leibler divergence KL(N0 || N1) of Gaussians.

    Args:
        mean0: [N, 3].
        quaternion0: [N, 4] wxyz, of any length but 0.
        scale0: [N, 3] standard deviations.
        mean1: As ``mean0``, of the others.
        quaternion1: Likewise.
        scale1: Likewise.
    """
    turn0, turn1 = (
        roma.unitquat_to_rotmat(F.normalize(q, dim=1).roll(-1, 1))
        for q in (quaternion0, quaternion1)
    )
    # in the axes of N1, in units of its standard deviations
    axes = (turn1.mT @ turn0) * scale0[:, None, :] / scale1[:, :, None]
    away = (turn1.mT @ (mean1 - mean0)[..., None])[..., 0] / scale1
    volumes = 2 * (scale1.log() - scale0.log()).sum(1)
    return 0.5 * (axes.square().sum((1, 2)) + away.square().sum(1) - 3 + volumes)


def picture_gradients(gradients: Tensor, means: Tensor, camera: Camera) -> Tensor:
    """[N] lengths of gradients on the picture, whose axes span [-1, 1], of those in the world.

    Args:
        gradients: [N, 3] of the means, per metre.
        means: [N, 3] world metres.
        camera: One.
    """
    turned = gradients @ camera.R[0].mT
    depth = (means @ camera.R[0].mT + camera.t[0])[:, 2].clamp(min=1e-3)
    per_pixel = turned[:, :2] * depth[:, None] / camera.K[0].diagonal()[:2]
    x, y = per_pixel.unbind(1)
    return torch.stack([x * (camera.width / 2), y * (camera.height / 2)], dim=1).norm(dim=1)


@dataclass(frozen=True)
class Plan:
    """What is to become of N Gaussians.

    Attributes:
        clone: [N] bool, gets a second one drawn from it.
        split: [N] bool, two smaller ones drawn from it take its place.
        merge: [N] bool, takes in its nearest neighbour.
        drop: [N] bool, goes: merged into another one, empty, or huge.
    """

    clone: Tensor
    split: Tensor
    merge: Tensor
    drop: Tensor


def planned(
    config: DensityConfig,
    gradients: Tensor,
    opacities: Tensor,
    largest: Tensor,
    nearest: Tensor,
    apart: Tensor,
) -> Plan:
    """What density control decides.

    Args:
        config: Its thresholds.
        gradients: [N] mean length on the picture.
        opacities: [N] the greatest there was.
        largest: [N] largest standard deviation in metres.
        nearest: [N] long, the nearest neighbour.
        apart: [N] divergence from it.
    """
    count = len(gradients)
    crowding = 2 + (count - config.crowd) / (_CROWDING * config.crowd)
    limit = config.gradient * (crowding if count > config.crowd else 1)
    hot, small = gradients >= limit, largest <= config.large
    drop = (opacities < config.opacity) | (largest > config.huge)
    grows = hot & (apart > config.split_above) & ~drop
    room = max(0, config.most - count)
    if int(grows.sum()) > room:
        least = torch.where(grows, gradients, -torch.inf).topk(room).indices
        grows = torch.zeros_like(grows).index_fill(0, least, True)
    number = torch.arange(count, device=nearest.device)
    mutual = (nearest[nearest] == number) & (number < nearest)
    near = hot & small & (apart < config.merge_below)
    merge = mutual & near & ~drop & ~drop[nearest] & ~grows & ~grows[nearest]
    taken = torch.zeros_like(merge).index_fill(0, nearest[merge], True)
    return Plan(grows & small, grows & ~small, merge, drop | taken)


class DensityControl(Part):
    """Counts what density control looks at; saved with the training.

    Attributes:
        gradients: [N] sum of the gradients' lengths on the picture.
        seen: [N] pictures in which a Gaussian had a gradient.
        opacities: [N] the greatest opacity since the last round.
    """

    sized_by_training: ClassVar[tuple[str, ...]] = ("gradients", "seen", "opacities")

    gradients: Tensor
    seen: Tensor
    opacities: Tensor

    def __init__(self, config: DensityConfig):
        super().__init__()
        self.config = config
        for name in self.sized_by_training:
            self.register_buffer(name, torch.zeros(0))

    def reset(self, count: int, device: torch.device) -> None:
        """Begin to count, for so many Gaussians."""
        for name in self.sized_by_training:
            setattr(self, name, torch.zeros(count, device=device))

    def count(self, gradients: Tensor, opacities: Tensor) -> None:
        """Take in one picture: lengths of gradients [N] and opacities [N]."""
        self.gradients += gradients
        self.seen += (gradients > 0).to(self.seen.dtype)
        self.opacities = torch.maximum(self.opacities, opacities)

    def due(self, step: int) -> bool:
        """Whether a round comes after a step."""
        config = self.config
        return config.start <= step < config.stop and (step + 1) % config.every == 0

    @torch.no_grad()
    def round(
        self, cloud: RecordedGaussians, time: Tensor, optimizers: Sequence[Optimizer]
    ) -> Plan:
        """Change the Gaussians, and begin to count anew.

        Args:
            cloud: The Gaussians.
            time: [] of the record, at which shapes are compared.
            optimizers: That train them.
        """
        offsets, quaternions, log_scales = cloud.shaped(cloud.at_time(time))
        means, scales = cloud.anchored + offsets, log_scales.exp()
        nearest = nearest_neighbours(means, 1)[0][:, 0]
        shape = means, quaternions, scales
        apart = divergence(*shape, *(value[nearest] for value in shape))
        mean = self.gradients / self.seen.clamp(min=1)
        plan = planned(self.config, mean, self.opacities, scales.amax(1), nearest, apart)
        merged, other = plan.merge, nearest[plan.merge]
        cloud.offsets[merged] += (means[other] - means[merged]) / 2
        cloud.colours[merged] = (cloud.colours[merged] + cloud.colours[other]) / 2
        cloud.harmonics[merged] = (cloud.harmonics[merged] + cloud.harmonics[other]) / 2
        cloud.extents[merged] *= _MERGED
        cloud.extents[plan.split] *= _SPLIT
        stay = (~plan.drop & ~plan.split).nonzero()[:, 0]
        drawn = torch.cat([plan.clone.nonzero()[:, 0], *2 * [plan.split.nonzero()[:, 0]]])
        rows = torch.cat([stay, drawn])
        fresh = torch.arange(len(rows), device=rows.device) >= len(stay)
        turns = roma.unitquat_to_rotmat(F.normalize(quaternions, dim=1).roll(-1, 1))[drawn]
        moved = (turns @ (scales[drawn] * torch.randn_like(scales[drawn]))[..., None])[..., 0]
        tensors = [getattr(cloud, name) for name in cloud.sized_by_training]
        keep_rows(tensors, rows, optimizers=optimizers, fresh=fresh)
        cloud.offsets[fresh] += moved
        cloud.settle()
        self.reset(len(rows), rows.device)
        return plan
