"""``torch.compile`` where the machine can do it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

#: What the probe function is compiled for.
_PROBE = 8


def compile_modules(modules: Sequence[nn.Module], device: torch.device) -> str:
    """Compile modules in place; their names, weights and results stay.

    A small function is compiled first: a machine without a working compiler is found out here and
    not in the middle of training.

    Args:
        modules: Modules whose ``forward`` to compile.
        device: Where they run.

    Returns:
        One line for the person: that it is on, or why it is not.
    """
    try:
        torch.compile(_double)(torch.ones(_PROBE, device=device))
    except Exception as error:  # compilers fail in many ways; training can go on
        reason = next((line for line in str(error).splitlines() if line.strip()), "no reason given")
        return (
            f"off: torch.compile fails on this machine ({type(error).__name__}: {reason.strip()})"
        )
    finally:
        torch._dynamo.reset()
    for module in modules:
        module.compile()
    return "on"


def _double(x: torch.Tensor) -> torch.Tensor:
    return torch.relu(2 * x)
