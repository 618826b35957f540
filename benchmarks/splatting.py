"""The splat renderer, measured on a cloud with the extent of a standing person.

python benchmarks/splatting.py --threads 2 --out splatting.json

Times are milliseconds a frame, the best of the repeats (and the median, in JSON): other work on
the machine only ever adds. Stages are measured on one thread, in processor time, which does not
count what other processes take. ``--against`` names a JSON file of an earlier run: what is printed
beside the times is how many times faster this one is. On a CUDA machine gsplat is measured beside
numba.
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from avatar_kit.cli.process import prepare_process

prepare_process()  # before torch is imported

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from avatar_kit.graphics import harmonic_colors, splat, splat_numba
from avatar_kit.graphics.splat_cuda import missing
from avatar_kit.scene import Camera

#: Half axes of the ellipsoid in metres: the surface of a person, 1.8 square metres, as high.
BODY = (0.27, 0.86, 0.15)
#: What is measured: pixels a side, Gaussians, channels.
CASES = ((256, 24_000, 3), (256, 24_000, 16), (512, 40_000, 3))
STAGES = (
    "project",
    "front_to_back",
    "bands_of",
    "composite",
    "composite_backward",
    "project_backward",
)

Cloud = dict[str, Tensor]
Figures = dict[str, dict[str, float]]


def person(count: int, channels: int) -> tuple[Cloud, Tensor]:
    """Flat Gaussians that cover an ellipsoid about the origin; normals [1, N, 3]."""
    generator = torch.Generator().manual_seed(0)
    axes = torch.tensor(BODY)
    ball = torch.nn.functional.normalize(torch.randn(1, 4 * count, 3, generator=generator), dim=-1)
    stretch = (ball / axes).norm(dim=-1)  # how much larger the ellipsoid's surface is there
    chosen = torch.multinomial(stretch[0], count, generator=generator)
    ball = ball[:, chosen]
    normals = torch.nn.functional.normalize(ball / axes, dim=-1)
    spacing = math.sqrt(1.8 / count)
    scales = torch.tensor([0.7, 0.7, 0.2]).expand(1, count, 3) * spacing
    up = torch.tensor([0.0, 0, 1]).expand_as(normals)
    quaternions = torch.cat(
        [1 + normals[..., 2:], torch.linalg.cross(up, normals)], -1
    )  # turns z into the normal
    cloud = {
        "means": ball * axes,
        "quaternions": quaternions,
        "scales": scales.contiguous(),
        "opacities": torch.full((1, count), 0.88),
        "features": torch.rand(1, count, channels, generator=generator),
    }
    return cloud, normals


def view(size: int) -> Camera:
    """The whole ellipsoid, 0.9 of the picture's height."""
    fov = 2 * math.degrees(math.atan(BODY[1] / 0.9 / 3))
    return Camera.look_at((0.0, 0, 3.0), (0.0, 0, 0), width=size, height=size, fov_y=fov)


def measured(action: Callable[[], object], repeats: int, clock: Callable, device: str) -> dict:
    action()  # compiles, fills caches
    taken = []
    for _ in range(repeats):
        if device == "cuda":
            torch.cuda.synchronize()
        started = clock()
        action()
        if device == "cuda":
            torch.cuda.synchronize()
        taken.append(1e3 * (clock() - started))
    return {"best_ms": min(taken), "median_ms": statistics.median(taken)}


def passes(
    cloud: Cloud, camera: Camera, visible: Tensor | None, repeats: int, clock: Callable
) -> Figures:
    """The forward pass without gradients, and the backward pass."""
    device = cloud["means"].device.type
    leaves = {name: value.clone().requires_grad_() for name, value in cloud.items()}

    def forward() -> object:
        with torch.no_grad():
            return splat(**cloud, camera=camera, visible=visible)

    drawn = splat(**leaves, camera=camera, visible=visible)
    given = torch.rand_like(drawn.features)

    def backward() -> object:
        return torch.autograd.grad(drawn.features, list(leaves.values()), given, retain_graph=True)

    return {
        "forward": measured(forward, repeats, clock, device),
        "backward": measured(backward, repeats, clock, device),
    }


def work(cloud: Cloud, camera: Camera, visible: Tensor | None) -> dict[str, float]:
    """What there is to do: Gaussians drawn, pairs of a Gaussian and a band, bytes of memory."""
    leaves = {name: value.clone().requires_grad_() for name, value in cloud.items()}
    drawn = splat(**leaves, camera=camera, visible=visible)
    (frame,) = drawn.features.grad_fn.frames  # type: ignore[union-attr]
    box = torch.from_numpy(frame.boxes).long()
    wide, high = box[:, 1] - box[:, 0], box[:, 3] - box[:, 2]
    kept = sum(array.nbytes for array in frame)
    gradients = len(frame.entries) * frame.splats.shape[1] * frame.splats.itemsize
    return {
        "drawn": int((high > 0).sum()),
        "entries": len(frame.entries),
        "rows": int(high.sum()),
        "vectors": int((high * ((wide + 7) // 8)).sum()),
        "pixels_in_boxes": int((wide * high).sum()),
        "covered": float((drawn.alpha > 0.5).float().mean()),
        "closed": float((drawn.alpha > 0.999).float().mean()),
        "bytes_kept_for_backward": kept,
        "bytes_of_gradients": gradients,
    }


def stages(cloud: Cloud, camera: Camera, visible: Tensor | None, repeats: int) -> Figures:
    """Processor time of every kernel, on one thread."""
    before, kernels = torch.get_num_threads(), {n: getattr(splat_numba, n) for n in STAGES}
    spent: dict[str, float] = {}

    def timed(name: str) -> Callable:
        def run(*arguments: object) -> object:
            started = time.thread_time()
            found = kernels[name](*arguments)
            spent[name] = spent.get(name, 0.0) + 1e3 * (time.thread_time() - started)
            return found

        return run

    leaves = {name: value.clone().requires_grad_() for name, value in cloud.items()}
    taken: dict[str, list[float]] = {name: [] for name in (*STAGES, "all")}
    torch.set_num_threads(1)
    try:
        for name in STAGES:
            setattr(splat_numba, name, timed(name))
        for _ in range(repeats):
            spent.clear()
            started = time.process_time()
            splat(**leaves, camera=camera, visible=visible).features.sum().backward()
            taken["all"].append(1e3 * (time.process_time() - started))
            for name in STAGES:
                taken[name].append(spent[name])
    finally:
        torch.set_num_threads(before)
        for name, function in kernels.items():
            setattr(splat_numba, name, function)
    return {
        name: {"best_ms": min(values), "median_ms": statistics.median(values)}
        for name, values in taken.items()
    }


def measure(repeats: int) -> tuple[Figures, dict[str, dict[str, float]]]:
    figures: Figures = {}
    amounts = {}
    for size, count, channels in CASES:
        cloud, normals = person(count, channels)
        camera = view(size)
        facing = (normals * (camera.position[:, None] - cloud["means"])).sum(-1) > -0.1
        for label, visible in (("all", None), ("front", facing)):
            name = f"{size} px, {count} Gaussians, {channels} channels, {label}"
            amounts[name] = work(cloud, camera, visible)
            found = passes(cloud, camera, visible, repeats, time.perf_counter)
            figures |= {f"{name}: {step}": value for step, value in found.items()}
            found = stages(cloud, camera, visible, repeats)
            figures |= {f"{name}: 1 thread, {step}": value for step, value in found.items()}
            if torch.cuda.is_available() and not missing():
                there = {key: value.cuda() for key, value in cloud.items()}
                mask = None if visible is None else visible.cuda()
                found = passes(there, camera.to("cuda"), mask, repeats, time.perf_counter)
                figures |= {f"{name}: gsplat, {step}": v for step, v in found.items()}
    cloud, _ = person(24_000, 3)
    coefficients, camera = torch.rand(1, 24_000, 16, 3), view(256)
    figures["spherical harmonics of degree 3, 24000 Gaussians"] = measured(
        lambda: harmonic_colors(coefficients, cloud["means"], camera),
        repeats,
        time.perf_counter,
        "cpu",
    )
    return figures, amounts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--against", type=Path, help="JSON of an earlier run")
    parser.add_argument("--out", type=Path, help="write JSON here")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    figures, amounts = measure(args.repeats)

    earlier = json.loads(args.against.read_text())["figures"] if args.against else {}
    table = Table("what", "ms", "times faster", title=f"splatting, {args.threads} threads")
    for name, figure in figures.items():
        ratio = earlier[name]["best_ms"] / figure["best_ms"] if name in earlier else None
        table.add_row(name, f"{figure['best_ms']:.2f}", "" if ratio is None else f"{ratio:.2f}")
    Console().print(table)
    if args.out:
        machine = {"threads": args.threads, "torch": torch.__version__}
        record = {"machine": machine, "figures": figures, "work": amounts}
        args.out.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
