"""The state of a training: written as a checkpoint, and put back."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from avatar_kit.config import MethodConfig
from avatar_kit.engine import checkpoint as ckpt
from avatar_kit.engine.averaging import load_raw
from avatar_kit.engine.setting_up import Training
from avatar_kit.errors import UserError


def save(training: Training, psnr: float, raw: dict[str, Tensor]) -> None:
    """Write a checkpoint of the avatar as it is shown, and let old ones go.

    Args:
        training: The training, its avatar as :meth:`Training.shown` gives it.
        psnr: What :func:`~avatar_kit.engine.trainer.probe` found.
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
            "returns": training.returns,
            "processes": training.ranks.count,
            "optimizers": optimizers,
        },
    )
    ckpt.prune(training.run.checkpoints, training.config.checkpoint.keep, training.best[0])


def restore(training: Training, found: ckpt.Checkpoint) -> None:
    """Put a checkpoint's state into a training, which was just set up or has run.

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
            f"{found.path}: a checkpoint for rendering only, without the state of its training; "
            "resume the run that it was made from"
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
        ckpt.load_optimizer(optimizer, name, tensors, described, str(found.path))
    training.step = found.step
    training.seconds = found.state["seconds"]
    best = found.state["best"]
    training.best = best and (int(best[0]), float(best[1]))
    training.returns = tuple(found.state["returns"])
    training.processes_before = found.state["processes"]


def structural_changes(old: MethodConfig, new: MethodConfig) -> tuple[list[str], list[str]]:
    """Top-level keys that differ: (those a resumed run must keep, the others)."""
    a, b = old.model_dump(mode="json"), new.model_dump(mode="json")
    changed = [k for k in a if a[k] != b.get(k)]
    return (
        [k for k in changed if k in old.structural],
        [k for k in changed if k not in old.structural],
    )
