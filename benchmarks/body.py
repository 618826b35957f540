"""A body model, measured: first use, loading, posing, key points for fitting, memory.

python benchmarks/body.py --threads 2 --out body.json

Times are the best of the repeats (and the median, in JSON): other work on the machine only ever
adds. First use builds what the body caches, in a process and a cache folder of its own.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from avatar_kit.interfaces import Body
from avatar_kit.registry import catalog
from avatar_kit.scene import Motion

#: Loads a body in a fresh process: seconds without the imports, and peak memory in MiB.
_LOAD = """
import json, resource, sys, time, torch
from avatar_kit.registry import catalog
torch.set_num_threads({threads})
component = catalog().get("body", "{name}")
kind = component.load()
started = time.perf_counter()
body = kind(component.config())
seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({{"seconds": seconds, "peak_mib": peak}}))
"""


def load_afresh(name: str, threads: int, cache: Path | None = None) -> dict[str, float]:
    """Seconds and peak MiB of loading the body in a process of its own."""
    environment = dict(os.environ)
    if cache is not None:
        environment["AVATAR_KIT_CACHE"] = str(cache)
    code = _LOAD.format(name=name, threads=threads)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def milliseconds(action: Callable[[], object], repeats: int, frames: int) -> dict[str, float]:
    """Milliseconds a frame."""
    action()
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        taken.append(1e3 * (time.perf_counter() - started) / frames)
    return {"best_ms": min(taken), "median_ms": statistics.median(taken), "frames": frames}


def moving(frames: int) -> Motion:
    """Random bends of every body joint."""
    draw = torch.Generator().manual_seed(0)
    pose = 0.3 * torch.randn(frames, 63, generator=draw)
    return Motion.rest(frames, body_pose=pose, expression=torch.rand(frames, 52, generator=draw))


def measure_posing(body: Body, repeats: int) -> dict[str, dict[str, float]]:
    figures, shape = {}, body.default_shape()
    for frames in (1, 8):
        motion = moving(frames)
        parameters = body.from_motion(motion, shape)
        with torch.no_grad():
            label = f"{frames} at once"
            figures[f"from motion, {label}"] = milliseconds(
                lambda m=motion: body.from_motion(m, shape), repeats, frames
            )
            figures[f"full surface, {label}"] = milliseconds(
                lambda p=parameters: body(p), repeats, frames
            )
    fresh = iter(torch.linspace(0.1, 0.9, repeats + 1))

    def someone_new() -> None:
        person = shape.clone()
        person[0] = next(fresh)
        body(body.from_motion(moving(1), person))

    with torch.no_grad():
        figures["full surface of a new person"] = milliseconds(someone_new, repeats, 1)
    return figures


def measure_fitting(body: Body, repeats: int) -> dict[str, dict[str, float]]:
    """Forward and backward of what a tracker iterates on, with and without the shape."""
    figures = {}
    for frames in (100, 300):
        motion = moving(frames)
        for leaf in (motion.body_pose, motion.global_orient, motion.transl):
            leaf.requires_grad_()
        for label, shape in (
            ("pose", body.default_shape()),
            ("pose and shape", body.default_shape().requires_grad_()),
        ):

            def iterate(motion: Motion = motion, shape: torch.Tensor = shape) -> None:
                points = body.keypoints(body.from_motion(motion, shape))
                points.square().sum().backward()

            found = milliseconds(iterate, repeats, 1)
            figures[f"one iteration over {frames} frames, {label}"] = found
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--body", default="anny", help="a registered body")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--out", type=Path, help="write JSON here")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    with tempfile.TemporaryDirectory() as folder:
        first = load_afresh(args.body, args.threads, Path(folder))
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    later = load_afresh(args.body, args.threads)
    component = catalog().get("body", args.body)
    body = component.load()(component.config())
    figures = measure_posing(body, args.repeats) | measure_fitting(body, args.repeats)

    table = Table("what", "milliseconds", title=f"body '{args.body}', {args.threads} threads")
    table.add_row("first use", f"{1e3 * first['seconds']:.0f}")
    table.add_row("loading afterwards", f"{1e3 * later['seconds']:.0f}")
    for name, figure in figures.items():
        table.add_row(name, f"{figure['best_ms']:.2f}")
    Console().print(table)
    Console().print(f"cache {size / 1e6:.0f} MB, peak memory {later['peak_mib']:.0f} MiB")
    if args.out:
        about = {"threads": args.threads, "torch": torch.__version__, "cache_bytes": size}
        report = {"machine": about, "first_use": first, "load": later, "figures": figures}
        args.out.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
