"""Criss-cross attention, measured: ours in torch and in Triton, a dense masked form, the plain form
with concatenation.

python benchmarks/attention.py --threads 1 --out attention.json

Forward and backward of one pass with the distance weight: 24 channels of query and key, 48 of
value. Every form and size runs in processes of its own, in turn, so that peaks of memory are its
own and a busy moment hits all of them. Peaks are above what the process held with its inputs.
Beside the times stand the operations in products and the bytes read and written, were nothing kept
in a cache: of torch's calls, and of the kernels in Triton, which run on CUDA only.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from avatar_kit_ram.attention import Kernel, criss_cross_attention, distance_weights
from avatar_kit_ram.attention_triton import missing
from counting import counted, fused_attention
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

QUERY, VALUE = 24, 48
#: Pictures of H W x H W numbers that live at the same time in the dense form's backward pass.
DENSE_TENSORS = 5

Form = Callable[[Tensor, Tensor, Tensor], Tensor]


def ours(size: int, device: str, kernel: Kernel = "torch") -> Form:
    def form(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        maps = (x.permute(0, 2, 3, 1) for x in (query, key, value))
        return criss_cross_attention(*maps, kernel=kernel).permute(0, 3, 1, 2)

    return form


def fused(size: int, device: str) -> Form:
    return ours(size, device, "triton")


def dense(size: int, device: str) -> Form:
    """All pairs of positions, those off row and column masked."""
    line = torch.arange(size, device=device)
    apart = (line[:, None] - line).abs()
    dy, dx = apart[:, None, :, None], apart[None, :, None, :]
    far = ((dy > 0) & (dx > 0)).flatten(0, 1).flatten(1)
    by_distance = 1 / (torch.arange(2 * size, device=device) ** 0.8 + 1)
    weights = torch.empty(size, size, size * size, device=device)
    for y in range(size):
        weights[y] = by_distance[(dy[y] + dx[0]).flatten(1)]
    weights = weights.flatten(0, 1)

    def form(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        energies = (query.flatten(2).mT @ key.flatten(2)) * weights
        shares = energies.masked_fill_(far, -torch.inf).softmax(-1)
        return (value.flatten(2) @ shares.mT).unflatten(2, value.shape[2:])

    return form


def plain(size: int, device: str) -> Form:
    """As the criss-cross paper reads: copies by column and by row, energies side by side."""
    weights = distance_weights(size).float().to(device)
    centre = torch.eye(size, dtype=torch.bool, device=device)

    def columns(x: Tensor) -> Tensor:
        return x.permute(0, 3, 2, 1).flatten(0, 1).contiguous()  # [B W, H, C]

    def rows(x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(0, 1).contiguous()  # [B H, W, C]

    def form(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        by_column = torch.bmm(columns(query), columns(key).mT) * weights
        by_column = by_column.masked_fill(centre, -torch.inf)
        by_row = torch.bmm(rows(query), rows(key).mT) * weights
        by_column = by_column.view(-1, size, size, size).permute(0, 2, 1, 3)
        energies = torch.cat([by_column, by_row.view(-1, size, size, size)], dim=3)
        shares = energies.softmax(3)
        by_column = shares[..., :size].permute(0, 2, 1, 3).flatten(0, 1).contiguous()
        by_row = shares[..., size:].flatten(0, 1).contiguous()
        down = torch.bmm(by_column, columns(value)).view(-1, size, size, VALUE)
        along = torch.bmm(by_row, rows(value)).view(-1, size, size, VALUE)
        return down.permute(0, 3, 2, 1) + along.permute(0, 3, 1, 2)

    return form


FORMS = {"ours": ours, "triton": fused, "plain": plain, "dense": dense}


def held(device: str, field: str = "VmRSS") -> float:
    """GiB held now, or (``VmHWM``) at most since the last :func:`forget_peak`."""
    if device == "cuda":
        most = torch.cuda.max_memory_allocated()
        return (torch.cuda.memory_allocated() if field == "VmRSS" else most) / 2**30
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith(field)).split()[1]) / 2**20


def forget_peak(device: str) -> None:
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5")


def measure(name: str, size: int, seconds: float, device: str) -> dict[str, float]:
    """One form in this process: at least one call after a first, for ``seconds``."""
    torch.manual_seed(0)
    layout = torch.channels_last if name in ("ours", "triton") else torch.contiguous_format
    maps = [
        nn.Parameter(torch.randn(1, c, size, size, device=device).contiguous(memory_format=layout))
        for c in (QUERY, QUERY, VALUE)
    ]
    gradient = torch.randn(1, VALUE, size, size, device=device)
    form = FORMS[name](size, device)
    torch.autograd.grad(form(*maps), maps, gradient)  # loads libraries, fills caches
    before = held(device)
    forget_peak(device)
    taken = []
    while not taken or sum(sum(t) for t in taken) < seconds:
        marks = [time.perf_counter()]
        result = form(*maps)
        if device == "cuda":
            torch.cuda.synchronize()
        marks.append(time.perf_counter())
        found = torch.autograd.grad(result, maps, gradient)
        if device == "cuda":
            torch.cuda.synchronize()
        marks.append(time.perf_counter())
        taken.append((marks[1] - marks[0], marks[2] - marks[1]))
    peak = held(device, "VmHWM") - before
    flops, moved = counted(lambda: torch.autograd.grad(form(*maps), maps, gradient))
    if name == "triton":
        flops, moved = (sum(x) for x in zip((flops, moved), fused_cost(size), strict=True))
    expected = ours(size, device)(*maps)
    wanted = torch.autograd.grad(expected, maps, gradient)
    pairs = zip((result, *found), (expected, *wanted), strict=True)
    return {
        "forward_ms": 1e3 * min(t[0] for t in taken),
        "backward_ms": 1e3 * min(t[1] for t in taken),
        "both_ms": 1e3 * min(sum(t) for t in taken),
        "peak_mib": 1024 * peak,
        "gflop": flops / 1e9,
        "gb": moved / 1e9,
        "largest_difference": max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs),
    }


def fused_cost(size: int) -> tuple[int, int]:
    """Operations and bytes of the kernels in Triton."""
    return fused_attention(torch.empty(1, size, size, QUERY), torch.empty(1, size, size, VALUE))


def in_turn(sizes: list[int], args: argparse.Namespace) -> dict[str, dict[str, dict]]:
    """Size -> form -> figures, the best of the rounds."""
    figures: dict[str, dict[str, dict]] = {}
    lacking = missing(torch.device(args.device))
    for size in sizes:
        found = figures.setdefault(str(size), {})
        for _ in range(args.rounds):
            for name in FORMS:
                needed = DENSE_TENSORS * 4 * size**4 / 2**30
                if name == "dense" and needed > args.limit:
                    found[name] = {"skipped": f"needs about {needed:.1f} GiB"}
                    continue
                if name == "triton" and lacking is not None:
                    flops, moved = fused_cost(size)
                    found[name] = {"gflop": flops / 1e9, "gb": moved / 1e9}
                    found[name]["skipped"] = f"not measured: {lacking}"
                    continue
                command = [sys.executable, __file__, "--one", name, str(size), args.device]
                command += ["--threads", str(args.threads), "--seconds", str(args.seconds)]
                env = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}  # freed is given back
                done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
                best = found.setdefault(name, {})
                for key, value in json.loads(done.stdout).items():
                    keep = max if key == "largest_difference" else min
                    best[key] = keep(value, best.get(key, value))
        for name in ("plain", "dense"):
            if "both_ms" in found[name]:
                for key, ratio in (("both_ms", "times_slower"), ("peak_mib", "times_memory")):
                    found[name][ratio] = found[name][key] / found["ours"][key]
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128, 256])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seconds", type=float, default=2.0, help="time for a form in a round")
    parser.add_argument("--limit", type=float, default=8.0, help="skip what needs more GiB")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help="write JSON here")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.one:
        name, size, device = args.one
        print(json.dumps(measure(name, int(size), args.seconds, device)))
        return

    figures = in_turn(args.sizes, args)
    columns = ("both_ms", "forward_ms", "backward_ms", "peak_mib", "gflop", "gb")
    columns += ("times_slower", "times_memory")
    digits = {"gflop": 3, "gb": 3}
    table = Table("size", "form", *columns, "", title=f"{args.device}, {args.threads} threads")
    for size, found in figures.items():
        for name, figure in found.items():
            cells = [f"{figure[c]:.{digits.get(c, 1)}f}" if c in figure else "" for c in columns]
            table.add_row(size, name, *cells, figure.get("skipped", ""))
    Console(width=160).print(table)
    if args.out:
        machine = {"device": args.device, "threads": args.threads, "torch": torch.__version__}
        args.out.write_text(json.dumps({"machine": machine, "sizes": figures}, indent=1))


if __name__ == "__main__":
    main()
