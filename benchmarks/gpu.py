"""Everything worth measuring on a CUDA machine, in one command.

    python benchmarks/gpu.py --out gpu.json
    python benchmarks/gpu.py --data captures/me --presets light paper --steps 50 --out gpu.json

For each preset: training steps/s, peak memory, rendered frames/s, milliseconds by module. And the
rasteriser: nvdiffrast against numba, the same triangles or not, and how fast.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from avatar_kit.config import resolve_method
from avatar_kit.engine.choosing import data_values
from avatar_kit.engine.device import autocast, peak_memory_gib, seed_step
from avatar_kit.engine.environment import environment
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.setting_up import Training, open_view, set_up
from avatar_kit.graphics import rasterize
from avatar_kit.scene import FrameContext


def seconds(work, repeat: int) -> float:
    """Mean time of one call on the GPU, after a warm-up."""
    for _ in range(3):
        work()
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(repeat):
        work()
    torch.cuda.synchronize()
    return (time.perf_counter() - started) / repeat


def rasteriser(training: Training) -> dict[str, float]:
    """nvdiffrast against numba on one frame of the capture."""
    context = training.frames.context([0])
    vertices, faces, camera = context.body.vertices, context.body.topology.faces, context.camera
    ours = rasterize(vertices.cpu(), faces.cpu(), camera.to("cpu"), backend="numba")
    theirs = rasterize(vertices, faces, camera, backend="nvdiffrast")
    same = theirs.triangle.cpu() == ours.triangle
    both = same & (ours.triangle >= 0)
    difference = (theirs.barycentrics.cpu() - ours.barycentrics)[both].abs().max()
    depth = (theirs.depth.cpu() - ours.depth)[both].abs().max()
    host = (vertices.cpu(), faces.cpu(), camera.to("cpu"))
    started = time.perf_counter()
    for _ in range(20):
        rasterize(*host, backend="numba")
    return {
        "same_triangle_share": same.float().mean().item(),
        "largest_barycentric_difference": difference.item(),
        "largest_depth_difference_m": depth.item(),
        "nvdiffrast_ms": 1e3
        * seconds(lambda: rasterize(vertices, faces, camera, backend="nvdiffrast"), 50),
        "numba_ms": 1e3 * (time.perf_counter() - started) / 20,
    }


def training_speed(training: Training, steps: int) -> dict[str, float]:
    """Steps per second and peak memory of the real loop body."""
    torch.cuda.reset_peak_memory_stats()
    device = training.frames.device

    def step() -> None:
        seed_step(0, training.step)
        training.update(training.read(training.step), training.step)
        training.step += 1

    training.avatar.train()
    pace = seconds(step, steps)
    return {"steps_per_second": 1 / pace, "peak_gib": peak_memory_gib(device)}


@torch.no_grad()
def rendering_speed(training: Training, repeat: int) -> dict[str, float]:
    """Frames per second for one frame at a time, and the share of each module."""
    avatar, posed = training.avatar.eval(), training.frames.posed
    frame = training.frames.samples[0].frame
    parameters = posed.parameters[frame]
    precision, device = training.config.precision, training.frames.device
    seen = posed.context(
        [frame], [frame], training.frames.camera([training.frames.samples[0]]), [-1]
    )

    def context() -> FrameContext:
        """A context of its own for every call, so that nothing is remembered."""
        return replace(seen)

    conditions = {name: encoder(context()) for name, encoder in avatar.encoders.items()}

    def whole() -> None:
        body = avatar.body(parameters)
        with autocast(device, precision):
            avatar(replace(seen, body=body, previous=body))

    figures = {"body_model_ms": seconds(lambda: avatar.body(parameters), repeat)}
    for name, encoder in avatar.encoders.items():

        def encode(encoder=encoder) -> None:
            with autocast(device, precision):
                encoder(context())

        figures[f"{name}_ms"] = seconds(encode, repeat)

    def render() -> None:
        with autocast(device, precision):
            avatar.renderer(conditions, seen.camera)

    figures["renderer_ms"] = seconds(render, repeat)
    figures = {name: 1e3 * value for name, value in figures.items()}
    return {"frames_per_second": 1 / seconds(whole, repeat), **figures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="ram")
    parser.add_argument("--presets", nargs="+", default=["light", "paper"])
    parser.add_argument("--data", help="capture folder or dataset; the default dataset otherwise")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--precision", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--out", type=Path, help="write JSON here")
    args = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("no CUDA device here")

    result: dict[str, Any] = {"environment": environment(torch.device("cuda"))}
    for preset in args.presets:
        for precision in args.precision:
            values = {**data_values(args.data), "precision": precision, "device": "cuda"}
            config = resolve_method(args.method, preset=preset, overrides=values).config
            with tempfile.TemporaryDirectory() as folder:
                training = set_up(config, RunFolder(Path(folder)), open_view(config))
                figures = training_speed(training, args.steps)
                figures |= rendering_speed(training, args.steps)
                if precision == args.precision[0]:
                    result[f"rasteriser {config.size}"] = rasteriser(training)
            result[f"{preset} {precision}"] = figures
            del training
            torch.cuda.empty_cache()

    table = Table("what", "figure", "value")
    for what, figures in result.items():
        for name, value in figures.items():
            table.add_row(what, name, f"{value:.4g}" if isinstance(value, float) else str(value))
    Console().print(table)
    if args.out:
        args.out.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
