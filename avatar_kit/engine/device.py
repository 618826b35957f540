"""Where and in what precision the networks run."""

from __future__ import annotations

import contextlib
import os
import random
from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor

from avatar_kit.engine.ranks import own_cuda
from avatar_kit.errors import UserError


def pick_device(name: str) -> torch.device:
    """``auto`` takes CUDA where there is one; of several processes each takes its own.

    Raises:
        UserError: The device asked for is not there.
    """
    if name == "auto":
        return torch.device(own_cuda() if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(own_cuda() if name == "cuda" else name)
    except RuntimeError:
        raise UserError(f"device: unknown device '{name}'; use auto, cpu or cuda") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UserError("device: no CUDA device here; use device=cpu or device=auto")
    return device


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """The autocast region of a precision; float32 is no region at all."""
    if precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, precision))


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the CPU on a device; towards a GPU the CPU does not wait for the copy."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)  # only from pinned memory it may


def seed_step(seed: int, step: int, rank: int = 0) -> None:
    """Make the randomness of a step a function of (seed, step, number of the process).

    This is what makes a resumed run exact without storing the state of any generator.
    """
    entropy = [seed, step, rank] if rank else [seed, step]
    mixed = int(np.random.SeedSequence(entropy).generate_state(1, np.uint32)[0])
    torch.manual_seed(mixed)
    np.random.seed(mixed)  # noqa: NPY002 - for plugins that use the global generator
    random.seed(mixed)


def peak_memory_gib(device: torch.device) -> float:
    """Peak memory of this process (CPU) or of its allocations on the GPU, in GiB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    import resource

    unit = 2**30 if os.uname().sysname == "Darwin" else 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
