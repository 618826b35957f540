"""The training loop, top to bottom."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

from avatar_kit.config import CheckpointConfig, MethodConfig
from avatar_kit.engine.ahead import ReadAhead
from avatar_kit.engine.checkpoint import list_checkpoints
from avatar_kit.engine.device import autocast, seed_step
from avatar_kit.engine.frames import TrainingFrames, load_picture
from avatar_kit.engine.journal import Clock, Journal, SilentJournal
from avatar_kit.engine.memory import smaller
from avatar_kit.engine.progress import Progress
from avatar_kit.engine.recovery import go_back, not_finite, slowed
from avatar_kit.engine.setting_up import Training
from avatar_kit.engine.state import save
from avatar_kit.engine.stopping import StopSignal
from avatar_kit.errors import UserError, out_of_memory
from avatar_kit.interfaces import Avatar


def train(training: Training, progress: Progress) -> bool:
    """Run the loop.

    Returns:
        Whether the schedule is done: False where ``stop_at``, a signal or an output that was
        closed ended it early; :attr:`Training.stopped_by` says which signal.

    Raises:
        UserError: A loss is not finite and going back did not help, memory or the disk is full, or
            another process trains there.
    """
    config, ranks = training.config, training.ranks
    stop = min(config.steps, config.stop_at if config.stop_at is not None else config.steps)
    asked, due = StopSignal(), _Due(config.checkpoint)
    training.avatar.train()
    clock = Clock(training.seconds)
    reading = ReadAhead(training.read, stop)
    journal = Journal(training, progress, asked) if ranks.first else SilentJournal()
    with journal, asked, slowed(training), ranks.averaging(), reading, _memory_of(training):
        ranks.share(training.state())
        journal.start(stop)
        ending = training.step >= stop
        while not ending:
            step = training.step
            read = reading.get(step)
            with clock:
                seed_step(config.seed, step, ranks.rank)
                losses = training.update(read, step)
                if ranks.count > 1:
                    ranks.share(training.observed())
            training.step = step + 1
            if training.average is not None:
                training.average.update(training.step)
            training.seconds = clock.seconds
            stopping, late = ranks.any(bool(asked), due.late())
            ending = training.step == stop or stopping
            saving = ending or late or training.step % config.checkpoint.every == 0
            if saving or training.step % config.report_every == 0:
                values = {k: float(v) for k, v in losses.items()}
                if bad := ranks.first_said(not_finite(values, training.avatar)):
                    journal.note(go_back(training, bad))
                    ending = any(ranks.any(bool(asked)))
                    continue
                journal.losses(values, clock.rate)
            if saving:
                ranks.refuse_apart(training.state(), training.step, config.type)
                if ranks.first:
                    with training.shown() as raw:
                        psnr = probe(training)
                        save(training, psnr, raw)
                    journal.saved(psnr)
                due.saved()
        training.stopped_by = ranks.first_said(asked.received)
        journal.end(clock)
    return training.step >= config.steps and training.stopped_by is None


class _Due:
    """When a checkpoint is due by time."""

    def __init__(self, config: CheckpointConfig):
        self._config = config
        self.saved()

    def saved(self) -> None:
        """There is one now."""
        self._since = time.monotonic()

    def late(self) -> bool:
        """Whether the last one is too long ago."""
        minutes = self._config.minutes
        return minutes is not None and time.monotonic() - self._since >= 60 * minutes


@contextmanager
def _memory_of(training: Training) -> Iterator[None]:
    """Within it memory that runs out in a step is said in one line, with the last checkpoint."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not (said := out_of_memory(error)):
            raise
        root, saved = training.run.root, list_checkpoints(training.run.checkpoints)
        kept = "No checkpoint was written yet"
        if saved:
            kept = (
                f"The last checkpoint is {saved[-1]}; if other programs took the memory, continue "
                f"with  avatar-kit train --resume {root}"
            )
        raise UserError(
            f"{root}: step {training.step + 1}: {said}. {smaller(training.config)}. {kept}"
        ) from None


@torch.no_grad()
def probe(training: Training, frames: int = 8) -> float:
    """PSNR in dB on a few training frames rendered as at test time, the mean over people.

    It ranks checkpoints without looking at any held-out frame.
    """
    avatar = training.avatar
    was_training = avatar.training
    avatar.eval()
    found = [_probed(avatar, source, training.config, frames) for source in training.people]
    avatar.train(was_training)
    return sum(found) / len(found)


def _probed(avatar: Avatar, source: TrainingFrames, config: MethodConfig, frames: int) -> float:
    positions = torch.linspace(0, len(source) - 1, min(frames, len(source))).long().tolist()
    errors: list[Tensor] = []
    for position in positions:
        seen = source.context([position])
        with autocast(source.device, config.precision):
            rendered = avatar(replace(seen, index=torch.full_like(seen.index, -1))).rgb
        truth = load_picture(source.view, source.samples[position], source.device)
        errors.append((rendered.float().clamp(0, 1) - truth).square().mean())
    mse = torch.stack(errors).mean().item()
    return -10 * math.log10(max(mse, 1e-12))
