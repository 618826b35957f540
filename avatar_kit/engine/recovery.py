"""A training that is not finite any more: back to its last checkpoint, at half the rates."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from torch.optim import Optimizer
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from avatar_kit.engine import checkpoint as ckpt
from avatar_kit.engine.setting_up import Training
from avatar_kit.engine.state import restore
from avatar_kit.errors import UserError
from avatar_kit.interfaces import Avatar

#: So often a training goes back before it gives up.
RETURNS = 3


def not_finite(losses: Mapping[str, float], avatar: Avatar) -> list[str]:
    """What is not finite of losses and parameters, which a loss may leave out; mostly nothing."""
    return [f"loss '{name}'" for name, value in losses.items() if not math.isfinite(value)] + [
        f"parameter '{name}' ({int((~value.isfinite()).sum())} of {value.numel()} values)"
        for name, value in avatar.named_parameters()
        if not bool(value.isfinite().all())
    ]


def go_back(training: Training, bad: list[str]) -> str:
    """Restore the last checkpoint that is whole; from there on all learning rates are halved.

    Args:
        training: The training.
        bad: What :func:`not_finite` found.

    Returns:
        A line that says so. The log of the run says it, too.

    Raises:
        UserError: There is no checkpoint, or it went back :data:`RETURNS` times before.
    """
    step, what = training.step, ", ".join(bad[:3])
    mend = "Lower the learning rate or use precision=float32, then continue with --resume"
    if not ckpt.list_checkpoints(training.run.checkpoints):
        raise UserError(
            f"not finite at step {step}: {what}; no checkpoint was written yet. Lower the learning "
            "rate, use precision=float32, or save earlier (checkpoint.every)"
        )
    found, _ = ckpt.latest_checkpoint(training.run.checkpoints)
    if len(training.returns) >= RETURNS:
        raise UserError(
            f"not finite at step {step}: {what}; the last good state is {found.path}. The "
            f"training returned to a checkpoint {RETURNS} times and halved the learning rates "
            f"each time. {mend}"
        )
    returns = (*training.returns, {"step": step, "not_finite": bad[:3], "back_to": found.step})
    restore(training, found)
    training.returns = returns
    if training.ranks.first:
        training.run.append_log({**returns[-1], "rate": training.rate})
    return (
        f"step {step}: not finite: {what}; back to step {found.step}, learning rates x "
        f"{training.rate:g} from here on"
    )


@contextmanager
def slowed(training: Training) -> Iterator[None]:
    """Within it every optimiser steps at its own learning rate times :attr:`Training.rate`.

    Schedules do not see it: they find the rate as they left it.
    """
    own: dict[int, list[Any]] = {}

    def before(optimizer: Optimizer, args: tuple, kwargs: dict) -> None:
        if training.rate == 1:
            return
        own[id(optimizer)] = [group["lr"] for group in optimizer.param_groups]
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] * training.rate

    def after(optimizer: Optimizer, args: tuple, kwargs: dict) -> None:
        for group, rate in zip(optimizer.param_groups, own.pop(id(optimizer), []), strict=False):
            group["lr"] = rate

    with ExitStack() as stack:
        stack.callback(register_optimizer_step_pre_hook(before).remove)
        stack.callback(register_optimizer_step_post_hook(after).remove)
        yield
