"""Everything worth measuring on a CUDA machine, in one command, in less than eight minutes.

    python benchmarks/gpu.py --out gpu.json
    python benchmarks/gpu.py --methods ram --presets light --precision bfloat16 --out gpu.json

A trained step and a rendered frame of ``ram`` with its attention on, and the attention alone, in
torch and in Triton; a frame at 1024 with 200,000 Gaussians of ``splat``, ``r3`` and ``mmlp``; the
rasterisers beside each other. Times are means by CUDA events after a warm-up, by stage. Beside each
stand the operations and bytes of torch's calls and the least time that they allow at the speed that
this device was measured to have (a roofline; of our own kernels, only those of the attention are in
it). What fails is written down and the rest is measured.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from avatar_kit.cli.process import prepare_process

prepare_process()  # before torch is imported

import torch
from avatar_kit_ram.attention import criss_cross_attention
from avatar_kit_ram.attention_triton import missing
from avatar_kit_ram.attentive import AttentiveTexture
from counting import Clock, Figures, fused_attention
from rich.console import Console
from rich.table import Table
from torch import Tensor

from avatar_kit.config import resolve_method
from avatar_kit.engine.choosing import data_values
from avatar_kit.engine.device import autocast, peak_memory_gib, seed_step
from avatar_kit.engine.environment import environment
from avatar_kit.engine.run import RunFolder
from avatar_kit.engine.setting_up import Training, open_view, set_up
from avatar_kit.graphics import rasterize
from avatar_kit.scene import FrameContext

GAUSSIANS = ("splat", "r3", "mmlp")


def rasterisers(training: Training, clock: Clock) -> Figures:
    """Each beside numba on one frame: equal triangles and milliseconds, or why it does not run."""
    context = training.frames.context([0])
    mesh = context.body.vertices, context.body.topology.faces, context.camera
    host = [part.to("cpu") for part in mesh]
    ours = rasterize(*host, backend="numba")
    started = time.perf_counter()
    rasterize(*host, backend="numba")
    found: Figures = {"numba": {"ms": 1e3 * (time.perf_counter() - started)}}
    for backend in ("warp", "nvdiffrast"):

        def draw(backend=backend):
            return rasterize(*mesh, backend=backend)

        found[backend] = tried(
            lambda draw=draw: {
                "same_triangles": (draw().triangle.cpu() == ours.triangle).float().mean().item(),
                "ms": clock.ms(draw),
            }
        )
    return found


def attention(encoder: AttentiveTexture, training: Training, clock: Clock) -> Figures:
    """One pass forward and backward at its working size, by each kernel, and how far they differ.

    The counts of "triton" are those of its kernels.
    """
    config, camera = encoder.config, training.frames.context([0]).camera
    size = (1, -(-camera.height // config.stride), -(-camera.width // config.stride))
    dtype, device = getattr(torch, training.config.precision), clock.device
    torch.manual_seed(0)
    query, key, value, gradient = (
        torch.randn(*size, channels).to(device, dtype)
        for channels in 2 * [config.query_channels] + 2 * [config.channels]
    )
    query /= config.query_channels**0.5
    maps = [x.requires_grad_() for x in (query, key, value)]

    def work(kernel: str) -> list[Tensor]:
        result = criss_cross_attention(*maps, distance=config.distance_mode, kernel=kernel)
        return [result, *torch.autograd.grad(result, maps, gradient)]

    found: Figures = {"torch": clock.figures(lambda: work("torch"))}
    found["triton"] = clock.bounds(*fused_attention(query, value))
    if (reason := missing(device)) is not None:
        return found | {"triton": found["triton"] | {"error": f"not measured: {reason}"}}
    found["triton"]["ms"] = clock.ms(lambda: work("triton"))
    pairs = zip(work("triton"), work("torch"), strict=True)
    apart = max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)
    return found | {"largest_difference": apart}


def tried(measure: Callable[[], Figures]) -> Figures:
    """The figures, or the reason why there are none."""
    try:
        return measure()
    except Exception as error:  # the next part is measured whatever is wrong with this one
        return {"error": f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"}


def training_step(training: Training, clock: Clock) -> Figures:
    """The body of the training loop; from 60 % of the schedule on, where the attention is on."""
    training.avatar.train()
    training.step = int(0.6 * training.config.steps)

    def step() -> None:
        seed_step(0, training.step)
        training.update(training.read(training.step), training.step)
        training.step += 1

    if clock.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    step()
    found = clock.figures(step)
    return found | {"steps_per_second": 1e3 / found["ms"], "peak_gib": memory(clock)}


def memory(clock: Clock) -> float:
    return peak_memory_gib(clock.device)


@torch.no_grad()
def rendered_frame(training: Training, clock: Clock) -> Figures:
    """From a pose to a picture, one frame at a time, and by stage."""
    avatar, posed = training.avatar.eval(), training.frames.posed
    sample, parameters = training.frames.samples[0], posed.parameters(0)
    camera, motion = training.frames.camera([sample]), posed.motion[0]
    body = avatar.body(parameters)
    seen = FrameContext.driven(body, camera, motion, before=body)
    conditions, _ = avatar.encode(seen, None)
    precision = training.config.precision

    def inside(work: Callable[[], object]) -> Callable[[], object]:
        def run() -> object:
            with autocast(clock.device, precision):
                return work()

        return run

    def whole() -> object:
        body = avatar.body(parameters)
        return avatar(FrameContext.driven(body, camera, motion, before=body))

    stages = {"pose to picture": whole, "body": lambda: avatar.body(parameters)}
    for name, encoder in avatar.encoders.items():  # each with a visibility pass of its own
        stages[f"encoder {name}"] = lambda e=encoder: e.step(replace(seen), None)
    stages["renderer"] = lambda: avatar.renderer.step(conditions, camera, None)
    if clock.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    found: Figures = {name: clock.figures(inside(work)) for name, work in stages.items()}
    found["frames_per_second"] = 1e3 / found["pose to picture"]["ms"]
    return found | {"peak_gib": memory(clock)}


def measured(name: str, preset: str | None, values: Figures, clock: Clock, train: bool) -> Figures:
    """All figures of a method."""
    config = resolve_method(name, preset=preset, overrides=values).config
    with tempfile.TemporaryDirectory() as folder:
        # Nothing is fitted: how fast it is does not depend on what it has learned.
        training = set_up(config, RunFolder(Path(folder)), open_view(config), fit=False)
        found = {"frame": tried(lambda: rendered_frame(training, clock))}
        if train:
            found["step"] = tried(lambda: training_step(training, clock))
            found["rasterisers"] = tried(lambda: rasterisers(training, clock))
        for name, encoder in training.avatar.encoders.items():
            if isinstance(encoder, AttentiveTexture):
                found[f"attention of {name}"] = tried(
                    lambda e=encoder: attention(e, training, clock)
                )
    if clock.device.type == "cuda":
        torch.cuda.empty_cache()
    return found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", default=["ram", *GAUSSIANS])
    parser.add_argument("--presets", nargs="+", default=["light", "paper"], help="of ram")
    parser.add_argument("--precision", nargs="+", default=["float32", "bfloat16"], help="of ram")
    parser.add_argument("--size", type=int, default=1024, help="height of the Gaussians' picture")
    parser.add_argument("--points", type=int, default=200_000, help="Gaussians")
    parser.add_argument("--data", help="capture folder or dataset; the default dataset otherwise")
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--device", default="cuda", help="cpu: a dry run")
    parser.add_argument("--minutes", type=float, default=8, help="begin nothing after these")
    parser.add_argument("--out", type=Path, help="write JSON here")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    started, device = time.monotonic(), torch.device(args.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SystemExit("no CUDA device here; --device cpu is a dry run")
    clock = Clock(device, args.repeat)
    speed = {"tflops": clock.flops_per_ms / 1e9, "gb_per_second": clock.bytes_per_ms / 1e6}
    result: Figures = {"environment": environment(device), "device": speed}
    common = {**data_values(args.data), "device": args.device}
    for name in args.methods:
        if name in GAUSSIANS:
            cloud = {"points": args.points, "hull": 0}
            plans = [(None, {"size": args.size, "encoders": {"cloud": cloud}})]
        else:
            plans = [(p, {"precision": q}) for p in args.presets for q in args.precision]
        for preset, values in plans:
            label = " ".join([name, *([preset] if preset else []), *map(str, values.values())][:3])
            if time.monotonic() - started > 60 * args.minutes:
                result[label] = {"error": f"not begun: {args.minutes:g} minutes are over"}
                continue
            given = {**common, **values}
            result[label] = tried(
                lambda n=name, p=preset, v=given: measured(n, p, v, clock, n not in GAUSSIANS)
            )
            if args.out:  # what was measured is kept, whatever comes
                args.out.write_text(json.dumps(result, indent=1))
    show(result)


def show(result: Figures) -> None:
    table = Table("what", "figure", "value")

    def add(what: str, figures: Figures) -> None:
        for name, value in figures.items():
            if isinstance(value, dict):
                add(f"{what} {name}".strip(), value)
            else:
                table.add_row(
                    what, name, f"{value:.4g}" if isinstance(value, float) else str(value)
                )

    add("", result)
    Console().print(table)


if __name__ == "__main__":
    main()
