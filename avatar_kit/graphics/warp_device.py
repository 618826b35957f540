"""Warp: whether it runs on a device, its kernels compiled, and their launch.

Warp comes with the body Anny and brings its own compiler, so it needs an NVIDIA driver and
nothing else.
"""

from __future__ import annotations

import logging
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

logger = logging.getLogger(__name__)


@cache
def usable(device: torch.device) -> bool:
    """Whether Warp draws on this device; says once why not."""
    reason = missing(device)
    if reason:
        logger.warning("rasterising on the CPU, which is slower: Warp is %s", reason)
    return not reason


@cache
def missing(device: torch.device) -> str:
    """What keeps Warp from drawing on a device; empty if nothing. Compiles the kernels."""
    if find_spec("warp") is None:
        return "not installed: pip install warp-lang"
    try:
        for name in ("warp_kernels", "segment_kernels"):
            load(name, device)
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        return f"not usable: {str(error).strip().splitlines()[0]}"
    return ""


@cache
def load(name: str, device: torch.device) -> ModuleType:
    """A module of kernels of this package, compiled for a device.

    Raises:
        RuntimeError: It cannot be compiled or loaded there.
    """
    import warp

    if not warp.config.log_level > warp.LOG_INFO:
        warp.config.log_level = warp.LOG_WARNING  # no banner, no line for each module
    warp.init()
    logger.info("loading %s; the first time on a machine it is compiled, for seconds", name)
    kernels = import_module(f"avatar_kit.graphics.{name}")
    warp.load_module(kernels, device=warp.device_from_torch(device))
    return kernels


def launch(kernel: Any, size: tuple[int, ...], given: list[Any], like: Tensor) -> None:
    """Run a kernel over ``size`` threads on the device, and the current stream, of ``like``."""
    import warp

    if 0 in size:
        return
    device, stream = warp.device_from_torch(like.device), None
    if like.device.type == "cuda":
        stream = warp.stream_from_torch(torch.cuda.current_stream(like.device))
    arrays = [warp.from_torch(x) if isinstance(x, Tensor) else x for x in given]
    warp.launch(kernel, dim=size, inputs=arrays, device=device, stream=stream)


def vectors(rows: Tensor) -> Any:
    """A Warp array of vectors: the last axis of the tensor is the vector."""
    import warp

    letter = {torch.float32: "f", torch.float64: "d", torch.int32: "i"}[rows.dtype]
    return warp.from_torch(rows.contiguous(), dtype=getattr(warp, f"vec{rows.shape[-1]}{letter}"))
