"""Learning the pose prior from a corpus."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from avatar_kit.errors import UserError
from avatar_kit.interfaces.prior import Report
from avatar_kit.scene import Motion
from avatar_kit.scene.skeleton import rest_offsets
from avatar_kit_mda.config import MdaConfig, PriorConfig
from avatar_kit_mda.corpus import Poses, gather, mirrored
from avatar_kit_mda.losses import divergence, reconstruction
from avatar_kit_mda.networks import PosePrior

#: Poses of held-out clips that are looked at.
_LOOK = 4096


@dataclass(frozen=True)
class Figures:
    """How well held-out poses come back from the mean of their codes.

    Attributes:
        degrees: Mean angle of joints.
        millimetres: Mean distance of joints.
        nats: Mean divergence of the codes.
    """

    degrees: float
    millimetres: float
    nats: float


def learn_prior(
    config: MdaConfig, clips: Sequence[Motion], report: Report
) -> tuple[PosePrior, Figures, int]:
    """A prior learned from clips.

    Args:
        config: Sizes of the networks, and how to learn.
        clips: Continuous motions.
        report: Called after every look at held-out poses.

    Returns:
        The prior, its figures on clips held out, and the number of poses learned from.

    Raises:
        UserError: Fewer distinct poses than a batch normalisation needs.
    """
    settings = config.learn_prior
    poses = gather(clips, settings.distinct, settings.seed)
    if len(poses.train) < 2:
        raise UserError(
            "corpus: fewer than two different poses; give a corpus with more movement, or a "
            "lower learn_prior.distinct"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        prior = PosePrior(config.latent, config.width)
        return prior, train_prior(prior, poses, settings, report), len(poses.train)


def train_prior(prior: PosePrior, poses: Poses, config: PriorConfig, report: Report) -> Figures:
    """Train in place; the weights that reconstruct held-out poses best are kept.

    Reconstruction counts throughout, not only in the first epochs, and nothing stops early: both
    have left such autoencoders with arms bent backwards.

    Args:
        prior: Freshly initialised.
        poses: Of the corpus.
        config: Steps, weights and rates.
        report: Called after every look at held-out poses.

    Returns:
        The figures of the weights kept.

    Raises:
        UserError: The loss was never finite.
    """
    generator = torch.Generator().manual_seed(config.seed)
    offsets = rest_offsets()
    look = poses.held_out[:: max(1, len(poses.held_out) // _LOOK)][:_LOOK]
    optimizer = torch.optim.Adam(
        prior.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=config.patience
    )
    best, kept, found = float("inf"), prior.state_dict(), None
    for step in range(1, config.steps + 1):
        prior.train()
        chosen = torch.multinomial(poses.weights, config.batch, True, generator=generator)
        batch = poses.train[chosen]
        half = config.batch // 2
        batch = torch.cat((batch[:half], mirrored(batch[half:])))
        optimizer.zero_grad(set_to_none=True)
        _loss(prior, batch, config, offsets, generator).backward()
        optimizer.step()
        if step % config.validate_every == 0 or step == config.steps:
            figures = measure(prior, look, offsets)
            score = config.rotation * math.radians(figures.degrees)
            score += config.position * figures.millimetres / 1000
            schedule.step(score)
            line = f"held out {figures.degrees:.2f} degrees, {figures.millimetres:.1f} mm"
            report(step, config.steps, line)
            if score < best:
                best, found, kept = score, figures, copy.deepcopy(prior.state_dict())
    if found is None:
        raise UserError(
            "the prior's loss was never finite; lower learn_prior.learning_rate (now "
            f"{config.learning_rate:g})"
        )
    prior.load_state_dict(kept)
    prior.eval()
    return found


def _loss(
    prior: PosePrior,
    batch: Tensor,
    config: PriorConfig,
    offsets: Tensor,
    generator: torch.Generator,
) -> Tensor:
    pose, mean, spread = prior(batch, generator)
    angle, distance = reconstruction(pose, batch, offsets)
    loss = config.rotation * angle + config.position * distance
    return (loss + config.divergence * divergence(mean, spread)).mean()


@torch.no_grad()
def measure(prior: PosePrior, poses: Tensor, offsets: Tensor) -> Figures:
    """Figures of a prior on poses [N, 126]."""
    prior.eval()
    pose, mean, spread = prior(poses)
    angle, distance = reconstruction(pose, poses, offsets)
    return Figures(
        degrees=float(angle.mean().rad2deg()),
        millimetres=float(1000 * distance.mean()),
        nats=float(divergence(mean, spread).mean()),
    )
