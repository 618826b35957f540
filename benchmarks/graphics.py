"""The graphics layer, measured on a posed body: visibility, texture lookup, normals, segments.

python benchmarks/graphics.py --threads 2 --out graphics.json

Times are milliseconds a frame, the best of the repeats (and the median, in JSON): other work on
the machine only ever adds. On a CUDA machine nvdiffrast is measured beside numba.
"""

import argparse
import json
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

from avatar_kit.graphics import (
    Fragments,
    draw_segments,
    interpolate,
    rasterize,
    sample_texture,
    uv_map,
    vertex_normals,
)
from avatar_kit.graphics.texture import sample_dense
from avatar_kit.registry import catalog
from avatar_kit.scene import Camera, Motion, PosedBody

Figures = dict[str, dict[str, float]]


def milliseconds(action: Callable[[], object], repeats: int, device: str) -> dict[str, float]:
    action()  # compiles, fills caches
    taken = []
    for _ in range(repeats):
        if device == "cuda":
            torch.cuda.synchronize()
        started = time.perf_counter()
        action()
        if device == "cuda":
            torch.cuda.synchronize()
        taken.append(1e3 * (time.perf_counter() - started))
    return {"best_ms": min(taken), "median_ms": statistics.median(taken)}


def posed_body(name: str) -> PosedBody:
    component = catalog().get("body", name)
    body = component.load()(component.config())
    with torch.no_grad():
        return body(body.from_motion(Motion.rest(1), body.default_shape()))


def full_body_view(body: PosedBody, size: int) -> Camera:
    """The whole body, 0.9 of the picture's height."""
    low, high = body.vertices.amin((0, 1)), body.vertices.amax((0, 1))
    middle = ((low + high) / 2).tolist()
    eye = (middle[0], middle[1], middle[2] + 3.0)
    fov = 2 * torch.rad2deg(torch.atan((high - low)[1] / 2 / 0.9 / 3.0))
    return Camera.look_at(eye, tuple(middle), width=size, height=size, fov_y=float(fov))


def lookup(texture: Tensor, uv: Tensor, mask: Tensor, given: Tensor, sample: Callable) -> None:
    texture.grad = None
    sample(texture, uv, mask).backward(given)


def measure_visibility(body: PosedBody, repeats: int) -> Figures:
    figures, faces = {}, body.topology.faces
    for size in (256, 512, 1024):
        view = full_body_view(body, size)
        plain = milliseconds(lambda v=view: rasterize(body.vertices, faces, v), repeats, "cpu")
        figures[f"visibility {size}, numba"] = plain
        if torch.cuda.is_available():
            there = (body.vertices.cuda(), faces.cuda(), view.to("cuda"))
            figures[f"visibility {size}, nvdiffrast"] = milliseconds(
                lambda t=there: rasterize(*t, backend="nvdiffrast"), repeats, "cuda"
            )
    return figures


def measure_texture(body: PosedBody, size: int, channels: int, repeats: int) -> Figures:
    fragments: Fragments = rasterize(body.vertices, body.topology.faces, full_body_view(body, size))
    uv, mask = uv_map(body.topology, fragments), fragments.mask
    texture = torch.rand(1, channels, min(size, 512), min(size, 512), requires_grad=True)
    given = torch.rand(1, channels, size, size)
    name, covered = f"texture {size}, {channels} channels", float(mask.mean())
    figures: Figures = {}
    for label, sample in (("ours", sample_texture), ("grid_sample", sample_dense)):
        with torch.no_grad():
            forward = milliseconds(lambda s=sample: s(texture, uv, mask), repeats, "cpu")
        both = milliseconds(lambda s=sample: lookup(texture, uv, mask, given, s), repeats, "cpu")
        figures[f"{name}, {label}, forward"] = forward
        figures[f"{name}, {label}, forward + backward"] = both
    for step in ("forward", "forward + backward"):
        ours, other = (figures[f"{name}, {x}, {step}"]["best_ms"] for x in ("ours", "grid_sample"))
        figures[f"{name}, ours, {step}"] |= {"faster": other / ours, "covered": covered}
    return figures


def measure_rest(body: PosedBody, repeats: int) -> Figures:
    faces, view = body.topology.faces, full_body_view(body, 1024)
    fragments = rasterize(body.vertices, faces, view)
    hands = view.project(body.hands.flatten(1, 2))[0]
    a, b = hands[:, :-1], hands[:, 1:]
    finger = torch.arange(a.shape[1]) % 10
    lines = {"line_width": 4.0, "height": 1024, "width": 1024}
    actions = {
        "vertex normals": lambda: vertex_normals(body.vertices, faces),
        "uv map 1024": lambda: uv_map(body.topology, fragments),
        "normal map 1024": lambda: interpolate(body.normals, faces, fragments),
        "hand segments 1024": lambda: draw_segments(a, b, finger, 10, **lines),
    }
    return {name: milliseconds(action, repeats, "cpu") for name, action in actions.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--body", default="anny", help="a registered body")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--out", type=Path, help="write JSON here")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    body = posed_body(args.body)

    figures = measure_visibility(body, args.repeats)
    for size, channels in ((256, 48), (512, 48), (1024, 16), (1024, 48)):
        figures |= measure_texture(body, size, channels, args.repeats)
    figures |= measure_rest(body, args.repeats)

    triangles = len(body.topology.faces)
    table = Table(
        "what", "ms", "times faster", title=f"{triangles} triangles, {args.threads} threads"
    )
    for name, figure in figures.items():
        faster = f"{figure['faster']:.1f}" if "faster" in figure else ""
        table.add_row(name, f"{figure['best_ms']:.2f}", faster)
    Console().print(table)
    if args.out:
        machine = {"threads": args.threads, "triangles": triangles, "torch": torch.__version__}
        args.out.write_text(json.dumps({"machine": machine, "figures": figures}, indent=1))


if __name__ == "__main__":
    main()
