"""Memory that runs out while an avatar is built, trained, measured or rendered: what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from avatar_kit.config import MethodConfig
from avatar_kit.errors import UserError, out_of_memory

#: What torch says of a tensor that no machine could hold.
_TOO_LARGE = ("invalid storage size", "overflow")


@contextmanager
def enough_memory(what: str, mend: str) -> Iterator[None]:
    """Say in one line that the memory of the GPU or of this machine ran out in the block.

    Args:
        what: What was at work, the start of the message.
        mend: What to do, the end of the message.

    Raises:
        UserError: It ran out.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if said := out_of_memory(error):
            raise UserError(f"{what}: {said}. {mend}") from None
        raise


@contextmanager
def buildable(what: str) -> Iterator[None]:
    """:func:`enough_memory` for parts whose size is that of their config, possible or not.

    Args:
        what: What is built, the start of the message.

    Raises:
        UserError: Memory ran out, or no machine has enough.
    """
    mend = "Use smaller values of size, batch_size, channels or points"
    try:
        with enough_memory(what, mend):
            yield
    except RuntimeError as error:
        text = " ".join(str(error).split())
        if any(part in text for part in _TOO_LARGE):
            raise UserError(
                f"{what}: no machine has enough memory ({text[-120:]}). {mend}"
            ) from None
        raise


def smaller(config: MethodConfig) -> str:
    """How to train with less memory."""
    keys = {"batch_size": (config.batch_size, 1), "size": (config.size, 32)}
    values = [f"{key} below {now}" for key, (now, least) in keys.items() if now > least]
    presets = [name for name in type(config).presets if name != config.preset]
    options = [" or ".join(values)] if values else []
    options += [f"another preset ({', '.join(presets)})"] if presets else []
    return f"Train a new run with {', or with '.join(options) or 'fewer people'}"


def elsewhere(device: torch.device, option: str = "--device cpu") -> str:
    """How to get memory for an avatar whose size is what it was trained with."""
    end = "Stop other programs that use it"
    return f"{end}, or use the CPU:  {option}" if device.type == "cuda" else end
