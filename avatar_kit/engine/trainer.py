"""The training loop, top to bottom."""

from __future__ import annotations

import math
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avatar_kit.config import MethodConfig
from avatar_kit.engine import checkpoint as ckpt
from avatar_kit.engine.ahead import ReadAhead
from avatar_kit.engine.averaging import load_raw
from avatar_kit.engine.device import autocast, peak_memory_gib, seed_step
from avatar_kit.engine.frames import TrainingFrames, load_picture
from avatar_kit.engine.progress import Progress
from avatar_kit.engine.setting_up import Training
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Avatar


def train(training: Training, progress: Progress) -> bool:
    """Run the loop.

    Returns:
        Whether the schedule is done: False where ``stop_at`` or a signal ended it early.

    Raises:
        UserError: A loss is not finite, the disk is full, or another process trains there.
    """
    config, run = training.config, training.run
    device = training.frames.device
    stop = min(config.steps, config.stop_at if config.stop_at is not None else config.steps)
    asked_to_stop = StopSignal()
    training.avatar.train()
    inside, started, before = 0.0, time.perf_counter(), training.seconds
    first = training.step
    reading = ReadAhead(training.read, stop)
    with training.claim, _tensorboard(run.root) as board, asked_to_stop, reading, progress:
        progress.start(training.step, stop)
        ending = training.step >= stop
        while not ending:
            step = training.step
            read = reading.get(step)
            tick = time.perf_counter()
            seed_step(config.seed, step)
            losses = training.update(read, step)
            inside += time.perf_counter() - tick
            training.step = step + 1
            if training.average is not None:
                training.average.update(training.step)
            training.seconds = before + time.perf_counter() - started
            ending = training.step == stop or bool(asked_to_stop)
            saving = training.step % config.checkpoint.every == 0 or ending
            if saving or training.step % config.report_every == 0:
                values = {k: float(v) for k, v in losses.items()}
                _refuse_non_finite(values, training)
                rate = (training.step - first) / (training.seconds - before)
                run.append_log({"step": training.step, **values, "steps_per_second": rate})
                for name, value in values.items():
                    board.add_scalar(f"loss/{name}", value, training.step)
                progress.report(training.step, values, rate, peak_memory_gib(device))
            if saving:
                with training.shown() as raw:
                    psnr = probe(training)
                    save(training, psnr, raw)
                board.add_scalar("probe/psnr", psnr, training.step)
                run.append_log({"step": training.step, "probe_psnr": psnr})
                progress.note(f"step {training.step}: saved, probe {psnr:.2f} dB")
    elapsed = training.seconds - before
    share = 1 - inside / elapsed if elapsed else 0.0
    run.append_log({"step": training.step, "seconds": training.seconds, "loop_overhead": share})
    return training.step >= config.steps and not asked_to_stop


def _refuse_non_finite(values: dict[str, float], training: Training) -> None:
    """Look at the losses, and at the parameters: what is not finite may be left out of a loss."""
    bad = [f"loss '{name}'" for name, value in values.items() if not math.isfinite(value)]
    bad += [
        f"parameter '{name}' ({int((~value.isfinite()).sum())} of {value.numel()} values)"
        for name, value in training.avatar.named_parameters()
        if not bool(value.isfinite().all())
    ]
    if bad:
        whole = ckpt.list_checkpoints(training.run.checkpoints)
        rest = f"the last good state is {whole[-1]}" if whole else "no checkpoint was written yet"
        raise UserError(
            f"not finite at step {training.step}: {', '.join(bad[:3])}; {rest}. Lower the learning "
            "rate or use precision=float32, then go on with --resume"
        )


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


def save(training: Training, psnr: float, raw: dict[str, Tensor]) -> None:
    """Write a checkpoint of the avatar as it is shown, and let old ones go.

    Args:
        training: The training, its avatar as :meth:`Training.shown` gives it.
        psnr: What :func:`probe` found.
        raw: The weights training goes on from, where they differ from the avatar's.
    """
    tensors = {f"raw/{name}": value for name, value in raw.items()}
    optimizers: dict[str, Any] = {}
    for name, module in training.method.modules().items():
        tensors |= {f"module/{name}/{k}": v for k, v in module.state_dict().items()}
    for name, optimizer in training.optimizers().items():
        flat, optimizers[name] = ckpt.flatten_optimizer(name, optimizer.state_dict())
        tensors |= flat
    if training.best is None or psnr > training.best[1]:
        training.best = (training.step, psnr)
    ckpt.save_checkpoint(
        training.run.checkpoints,
        training.step,
        training.avatar.learned_state(),
        tensors,
        {
            "method": training.config.type,
            "probe_psnr": psnr,
            "best": training.best,
            "seconds": training.seconds,
            "optimizers": optimizers,
        },
    )
    ckpt.prune(training.run.checkpoints, training.config.checkpoint.keep, training.best[0])


def restore(training: Training, found: ckpt.Checkpoint) -> None:
    """Put a checkpoint's state into a training that was just set up.

    Raises:
        UserError: The checkpoint belongs to another method or config, or is only for rendering.
    """
    if found.state["method"] != training.config.type:
        raise UserError(
            f"{found.path}: a checkpoint of method '{found.state['method']}', "
            f"not of '{training.config.type}'"
        )
    if not found.state["optimizers"]:
        raise UserError(
            f"{found.path}: kept to render from, without the state of its training; go on with "
            "the run it was made from"
        )
    ckpt.load_learned(training.avatar, found)
    tensors = found.training()
    if training.average is not None:
        training.average.restart()
    load_raw(training.avatar, {k[4:]: v for k, v in tensors.items() if k.startswith("raw/")})
    for name, module in training.method.modules().items():
        prefix = f"module/{name}/"
        own = {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
        ckpt.load_strict(module, own, f"{found.path / 'training.safetensors'} ({name})")
    for name, optimizer in training.optimizers().items():
        described = found.state["optimizers"].get(name)
        if described is None:
            raise UserError(f"{found.path}: holds no state of the optimiser '{name}'")
        optimizer.load_state_dict(ckpt.unflatten_optimizer(name, tensors, described))
    training.step = found.step
    training.seconds = found.state["seconds"]
    best = found.state["best"]
    training.best = (int(best[0]), float(best[1]))


def structural_changes(old: MethodConfig, new: MethodConfig) -> tuple[list[str], list[str]]:
    """Top-level keys that differ: (those a resumed run must keep, the others)."""
    a, b = old.model_dump(mode="json"), new.model_dump(mode="json")
    changed = [k for k in a if a[k] != b.get(k)]
    return (
        [k for k in changed if k in old.structural],
        [k for k in changed if k not in old.structural],
    )


class StopSignal:
    """True once SIGTERM or Ctrl-C came; the second Ctrl-C ends at once."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._old: dict[int, Any] = {}

    def __bool__(self) -> bool:
        return self.received is not None

    def __enter__(self) -> StopSignal:
        if threading.current_thread() is not threading.main_thread():
            return self  # signals reach the main thread alone
        for number in (signal.SIGTERM, signal.SIGINT):
            self._old[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def _receive(self, number: int, _frame: object) -> None:
        if self.received is not None:
            raise KeyboardInterrupt
        self.received = number


def _tensorboard(root: Path) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(root / "tensorboard"))
