"""Learning the decoder that knows one avatar's poses and no others."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from avatar_kit.scene.skeleton import rest_offsets
from avatar_kit_mda.config import FitConfig
from avatar_kit_mda.losses import angles_first, reconstruction
from avatar_kit_mda.networks import ConditionalDecoder, PoseEncoder
from avatar_kit_mda.rotations import orthonormal


def history_frames(lengths: Sequence[int], history: int) -> Tensor:
    """[N, history] frames before each frame of clips laid end to end, oldest first.

    Before the first frame of a clip there is nothing but that frame itself: history never crosses
    a cut.

    Args:
        lengths: Frames of each clip.
        history: Frames looked back.
    """
    starts = torch.cat(
        [torch.full((n,), sum(lengths[:i]), dtype=torch.long) for i, n in enumerate(lengths)]
    )
    back = torch.arange(len(starts))[:, None] - torch.arange(history, 0, -1)
    return torch.maximum(back, starts[:, None])


def fit_decoder(
    encoder: PoseEncoder, clips: Sequence[Tensor], history: int, config: FitConfig
) -> tuple[ConditionalDecoder, float]:
    """Train a decoder on an avatar's poses; the encoder stays as it is.

    Against drift the decoder must learn from its own mistakes. It remembers what it last said for
    every frame, and part of the histories are made of that: scheduled sampling without a roll-out.

    Args:
        encoder: Of the prior, in evaluation mode.
        clips: [T, 126] poses each, continuous.
        history: Poses looked back.
        config: Steps, rates and shares.

    Returns:
        The decoder in evaluation mode, and the mean angle in degrees to its targets over the last
        tenth of the updates.
    """
    latent, width = encoder.mean.weight.shape
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        decoder = ConditionalDecoder(latent, history, width)
    generator = torch.Generator().manual_seed(config.seed)
    poses = torch.cat(list(clips))
    before = history_frames([len(clip) for clip in clips], history)
    offsets = rest_offsets()
    with torch.no_grad():
        codes, spread = encoder(poses)
    own = poses.clone()
    optimizer = torch.optim.Adam(
        decoder.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)
    angles = []
    decoder.train()
    for step in range(config.steps):
        chosen = torch.randperm(len(poses), generator=generator)[: config.batch]  # none twice
        past = _histories(poses, own, before[chosen], config, generator)
        noise = torch.randn(codes[chosen].shape, generator=generator) * spread[chosen]
        said = decoder(codes[chosen] + config.code_noise * noise, past)
        angle, distance = reconstruction(said, poses[chosen], offsets)
        loss = (angle + 2 * angles_first(step, config.steps) * distance).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        own[chosen] = orthonormal(said.detach())
        angles.append(angle.detach().mean())
    degrees = float(torch.stack(angles[-max(1, config.steps // 10) :]).mean().rad2deg())
    return decoder.eval(), degrees


def _histories(
    poses: Tensor, own: Tensor, frames: Tensor, config: FitConfig, generator: torch.Generator
) -> Tensor:
    """[B, history, 126]: true poses or the decoder's own, with noise, some of them left out."""
    draw = torch.rand(2, len(frames), 1, 1, generator=generator)
    past = torch.where(draw[0] < config.own_history, own[frames], poses[frames])
    past = past + config.history_noise * torch.randn(past.shape, generator=generator)
    return past * (draw[1] >= config.history_dropout)
