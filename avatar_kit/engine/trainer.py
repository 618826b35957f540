"""The training loop, top to bottom."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avatar_kit.config import CheckpointConfig, MethodConfig
from avatar_kit.engine.ahead import ReadAhead
from avatar_kit.engine.device import autocast, peak_memory_gib, seed_step
from avatar_kit.engine.frames import TrainingFrames, load_picture
from avatar_kit.engine.progress import Progress
from avatar_kit.engine.recovery import go_back, not_finite, slowed
from avatar_kit.engine.setting_up import Training
from avatar_kit.engine.state import save
from avatar_kit.engine.stopping import StopSignal
from avatar_kit.interfaces import Avatar


def train(training: Training, progress: Progress) -> bool:
    """Run the loop.

    Returns:
        Whether the schedule is done: False where ``stop_at``, a signal or an output that was
        closed ended it early; :attr:`Training.stopped_by` says which signal.

    Raises:
        UserError: A loss is not finite and going back did not help, the disk is full, or another
            process trains there.
    """
    config, run = training.config, training.run
    stop = min(config.steps, config.stop_at if config.stop_at is not None else config.steps)
    asked, due = StopSignal(), _Due(config.checkpoint)
    training.avatar.train()
    clock = _Clock(training.seconds)
    reading = ReadAhead(training.read, stop)
    with (
        training.claim,
        _tensorboard(run.root) as board,
        asked,
        slowed(training),
        reading,
        progress,
    ):
        progress.start(training.step, stop)
        ending = training.step >= stop
        while not ending:
            step = training.step
            read = reading.get(step)
            with clock:
                seed_step(config.seed, step)
                losses = training.update(read, step)
            training.step = step + 1
            if training.average is not None:
                training.average.update(training.step)
            training.seconds = clock.seconds
            ending = training.step == stop or bool(asked)
            saving = ending or due.at(training.step)
            if saving or training.step % config.report_every == 0:
                values = {k: float(v) for k, v in losses.items()}
                if bad := not_finite(values, training.avatar):
                    line = go_back(training, bad)
                    with asked.on_closed_output():
                        progress.note(line)
                    ending = bool(asked)
                    continue
                run.append_log({"step": training.step, **values, "steps_per_second": clock.rate})
                for name, value in values.items():
                    board.add_scalar(f"loss/{name}", value, training.step)
                memory = peak_memory_gib(training.frames.device)
                with asked.on_closed_output():
                    progress.report(training.step, values, clock.rate, memory)
            if saving:
                with training.shown() as raw:
                    psnr = probe(training)
                    save(training, psnr, raw)
                due.saved()
                board.add_scalar("probe/psnr", psnr, training.step)
                run.append_log({"step": training.step, "probe_psnr": psnr})
                with asked.on_closed_output():
                    progress.note(f"step {training.step}: saved, probe {psnr:.2f} dB")
    training.stopped_by = asked.received
    run.append_log({"step": training.step, "seconds": training.seconds, **clock.overhead()})
    return training.step >= config.steps and not asked


class _Due:
    """When a checkpoint is due, by steps and by time."""

    def __init__(self, config: CheckpointConfig):
        self._config = config
        self.saved()

    def saved(self) -> None:
        """There is one now."""
        self._since = time.monotonic()

    def at(self, step: int) -> bool:
        """Whether one is due after ``step`` steps."""
        minutes = self._config.minutes
        late = minutes is not None and time.monotonic() - self._since >= 60 * minutes
        return late or step % self._config.every == 0


class _Clock:
    """Time of the loop, and of its updates: a context manager around each.

    Args:
        before: Seconds of earlier sittings.
    """

    def __init__(self, before: float):
        self._before, self._started = before, time.perf_counter()
        self._updates, self._inside, self._tick = 0, 0.0, 0.0

    def __enter__(self) -> None:
        self._tick = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._inside += time.perf_counter() - self._tick
        self._updates += 1

    @property
    def seconds(self) -> float:
        """All of it, earlier sittings included."""
        return self._before + time.perf_counter() - self._started

    @property
    def rate(self) -> float:
        """Updates a second in this sitting."""
        return self._updates / (time.perf_counter() - self._started)

    def overhead(self) -> dict[str, float]:
        """The share of the time in which no update ran, for the log; nothing without any."""
        elapsed = time.perf_counter() - self._started
        return {"loop_overhead": 1 - self._inside / elapsed} if self._updates else {}


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


def _tensorboard(root: Path) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(root / "tensorboard"))
