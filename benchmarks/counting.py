"""Time, operations and bytes of a call, for the benchmarks."""

import time
from collections.abc import Callable
from typing import Any

import torch
from avatar_kit_ram.attention_triton import launch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

Figures = dict[str, Any]


class Bytes(TorchDispatchMode):
    """Bytes that torch's calls read and write, were nothing kept in a cache between them."""

    total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = tree_leaves((args, kwargs, result))
            self.total += sum(t.nbytes for t in tensors if isinstance(t, Tensor))
        return result


def counted(work: Callable[[], object]) -> tuple[int, int]:
    """Operations in products and bytes of torch's calls; kernels of our own are not seen."""
    with FlopCounterMode(display=False) as operations:
        work()
    with Bytes() as moved:
        work()
    return operations.get_total_flops(), moved.total


def fused_attention(query: Tensor, value: Tensor) -> tuple[int, int]:
    """Operations and bytes of the attention's Triton kernels, forward and backward.

    As :class:`Bytes` counts: all that programs load and store. The weights of the distance are left
    out; they are one line of numbers.
    """
    pixels, size = value[..., 0].numel(), value.element_size()
    flops = moved = 0
    for rows in (True, False):
        (_, blocks, tiles), options = launch(query, value, "multiply", rows=rows)
        c, d = tiles * options["C"], options["D"]  # each tile takes all channels of query and key
        flops += 2 * pixels * options["length"] * (5 * c + 4 * d)
        passes = 1 if rows else 2  # columns read what rows wrote
        ours = (c + 2 * (c + d)) * size
        theirs = 3 * (c + d) * blocks * size
        sums = 4 * (2 * tiles + 2 * tiles * blocks + 1 + (0 if rows else tiles))
        written = 4 * passes * (2 * c + 2 * d)
        moved += pixels * (ours + theirs + sums + written)
    return flops, moved


class Clock:
    """Milliseconds of work on a device."""

    def __init__(self, device: torch.device, repeat: int):
        self.device, self.repeat = device, repeat
        self.flops_per_ms, self.bytes_per_ms = 0.0, 0.0
        self.calibrate()

    def ms(self, work: Callable[[], object]) -> float:
        """Mean time of a call, after a warm-up."""
        for _ in range(3 if self.device.type == "cuda" else 1):
            work()
        if self.device.type != "cuda":
            started = time.perf_counter()
            for _ in range(self.repeat):
                work()
            return 1e3 * (time.perf_counter() - started) / self.repeat
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(self.repeat):
            work()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / self.repeat

    def calibrate(self) -> None:
        """What the device can do: a product of matrices, and a copy."""
        side = 4096 if self.device.type == "cuda" else 256
        a = torch.rand(side, side, device=self.device)
        self.flops_per_ms = 2 * side**3 / self.ms(lambda: a @ a)
        self.bytes_per_ms = 2 * a.nbytes / self.ms(a.clone)

    def figures(self, work: Callable[[], object]) -> Figures:
        """Time, operations, bytes and the roofline of a call."""
        taken = self.ms(work)
        return {"ms": taken} | self.bounds(*counted(work))

    def bounds(self, flops: int, moved: int) -> Figures:
        """Operations, bytes and the roofline."""
        bound = max(flops / self.flops_per_ms, moved / self.bytes_per_ms)
        return {"gflop": flops / 1e9, "gb": moved / 1e9, "roofline_ms": bound}
